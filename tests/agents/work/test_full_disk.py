"""A run whose log cannot be written goes on with all its text, and its end comes with the room."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from agents.log import events
from agents.models import Run
from agents.signals import run_finished
from agents.work import leases
from common import disk
from tests.agents.conftest import Runs, finished, idle, text
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Disk:
    """What the log is written to; full while `is_full`."""

    def __init__(self, store: Any) -> None:
        self.is_full = threading.Event()
        self.refused = 0
        self._store = store

    def store(self, *args: Any, **kwargs: Any) -> None:
        if self.is_full.is_set():
            self.refused += 1
            cause = sqlite3.OperationalError("database or disk is full")
            cause.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError(str(cause)) from cause
        self._store(*args, **kwargs)


@pytest.fixture
def log_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(events.store)
    monkeypatch.setattr(events, "store", made.store)
    monkeypatch.setattr(disk, "_noted_at", float("-inf"))
    yield made
    made.is_full.clear()
    idle()


def test_its_text_waits_for_room_and_nothing_of_it_is_lost(
    runs: Runs, log_disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    def loop(run: Run) -> Any:
        yield text("stored ")
        log_disk.is_full.set()
        yield text("pending ")
        while log_disk.is_full.is_set():
            time.sleep(0.01)
            yield text("more ")
        yield text("end")

    run = runs.start(loop)
    eventually(lambda: log_disk.refused >= 3)
    run.refresh_from_db()
    assert run.state == "running"  # nothing else can be said of it
    log_disk.is_full.clear()
    finished(run)
    assert (run.state, run.error) == ("completed", None)
    assert run.output.startswith("stored pending more")
    assert run.output.endswith("more end")
    told = [record for record in caplog.records if "disk is full" in record.getMessage()]
    assert len(told) == 1
    assert not [record for record in caplog.records if record.exc_info]


def test_a_run_that_goes_on_is_not_taken_for_one_that_was_left_behind(
    runs: Runs, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases cannot be renewed meanwhile; the first thing with room is to renew them."""
    full = threading.Event()
    renew = leases.renew

    def renewed(kept: Any) -> None:
        if full.is_set():
            cause = sqlite3.OperationalError("database or disk is full")
            cause.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise cause
        renew(kept)

    monkeypatch.setattr(leases, "renew", renewed)
    monkeypatch.setattr("agents.work.runner.RENEW_SECONDS", 0.1)
    full.set()

    def loop(run: Run) -> Any:
        yield text("begun ")
        gate.wait()
        yield text("ended")

    run = runs.start(loop)
    runs.until_logged(run, "text")
    Run.objects.filter(id=run.id).update(lease_until=None)
    full.clear()
    eventually(lambda: Run.objects.get(id=run.id).lease_until is not None)
    gate.set()
    finished(run)
    assert (run.state, run.output) == ("completed", "begun ended")


def test_it_does_not_end_without_what_its_receivers_keep(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is copied to its chat as its run ends: there may be room for the one alone."""
    monkeypatch.setattr(disk, "_noted_at", float("-inf"))
    full, asked = threading.Event(), []
    full.set()

    def keep(run: Run, **_: Any) -> None:
        asked.append(run.id)
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")

    def loop(run: Run) -> Any:
        yield text("one")

    run_finished.connect(keep)
    try:
        run = runs.start(loop)
        eventually(lambda: len(asked) >= 2)
        assert Run.objects.get(id=run.id).state == "running"
        full.clear()
        finished(run)
        assert (run.state, run.output) == ("completed", "one")
    finally:
        run_finished.disconnect(keep)
