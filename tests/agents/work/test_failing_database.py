"""Runs while the database fails: none is lost, none holds its place for ever."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError

from agents import services
from agents.log import coalescing
from agents.loops import control
from agents.loops.contract import LoopEvent
from agents.models import Run
from agents.signals import run_finished
from agents.work import jobs, runner, ticker
from tests.agents.conftest import Runs, idle, kinds, text
from tests.broken_database import database_fails
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "TRY_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(coalescing, "RETRY", 0.05)
    monkeypatch.setattr(ticker, "FAILED_SECONDS", 0.05)


def failing_after(first: str, then: list[LoopEvent], *, gate: threading.Event):
    """A loop that says one thing, waits, and goes on while the database may fail."""

    def loop(run):
        yield text(first)
        gate.wait(20)
        yield from then

    return loop


def test_text_waits_for_the_database(runs: Runs) -> None:
    broken, healed = threading.Event(), threading.Event()

    def loop(run):
        yield text("one ")
        broken.wait(20)
        for word in ("two ", "three "):
            yield text(word)
            time.sleep(0.15)
        healed.wait(20)
        yield LoopEvent("usage", {"completion_tokens": 3})

    run = runs.start(loop)
    runs.until_logged(run, "text")
    with database_fails():
        broken.set()
        time.sleep(0.5)
        assert Run.objects.get(id=run.id).state == "running"
    healed.set()
    run = runs.until(run)
    assert (run.state, run.output) == ("completed", "one two three ")
    assert run.usage == {"completion_tokens": 3}


def test_an_end_that_cannot_be_written_is_written_later(runs: Runs, gate) -> None:
    run = runs.start(failing_after("one ", [text("two")], gate=gate))
    runs.until_logged(run, "text")
    with database_fails():
        gate.set()
        eventually(lambda: runner._runner._owing)
        assert not runner._runner._jobs
    run = runs.until(run)
    assert (run.state, run.output) == ("completed", "one two")
    assert kinds(run).count("done") == 1
    idle()


def test_what_a_receiver_could_not_write_is_written_with_the_end(runs: Runs) -> None:
    fails = iter([True, False])

    def receive(sender, run, **kwargs):
        if next(fails):
            raise OperationalError("database or disk is full")
        Run.objects.filter(id=run.id).update(params={"copied": run.output})

    def loop(run):
        yield text("x")

    run_finished.connect(receive)
    try:
        run = runs.until(runs.start(loop))
    finally:
        run_finished.disconnect(receive)
    assert (run.state, run.params) == ("completed", {"copied": "x"})
    assert kinds(run).count("done") == 1


def test_a_run_that_cannot_be_taken_costs_no_place(runs: Runs, settings) -> None:
    settings.MAX_BATCH = 1
    waiting = Run.objects.create(owner=runs.owner, kind="test")
    with database_fails():
        for _ in range(3):
            runner.dispatch()
        eventually(lambda: not runner.is_active())

    def loop(run):
        yield text("x")

    assert runs.until(runs.start(loop)).state == "completed"
    assert runs.until(waiting).state == "completed"


def test_a_run_can_be_stopped(runs: Runs) -> None:
    freed = threading.Event()

    def loop(run):
        cancelled = control.cancel_check()
        yield text("x")
        while not cancelled():
            time.sleep(0.01)
        freed.set()

    run = runs.start(loop)
    runs.until_logged(run, "text")
    with database_fails():
        with pytest.raises(OperationalError):
            services.run_cancel(run=run)
        assert freed.wait(10)
    assert runs.until(run).state == "stopped"


def test_a_run_goes_on_waiting_for_a_person(runs: Runs) -> None:
    asked = LoopEvent("tool_call", {"id": "a", "name": "t", "arguments": "{}", "state": "waiting"})

    def loop(run):
        decision = yield asked
        yield text("allowed" if decision and decision.allow else "denied")

    run = runs.start(loop)
    runs.until(run, "waiting")
    with database_fails(reads=True):
        runner.nudge(run.id)
        time.sleep(0.3)
    services.tool_call_decide(run=Run.objects.get(id=run.id), call_id="a", decision="allow")
    assert runs.until(run).output == "allowed"


def test_a_shutdown_ends_every_run_though_one_cannot_be_written(runs: Runs, monkeypatch) -> None:
    stopped: list[str] = []

    def loop(run):
        cancelled = control.cancel_check()
        yield text("x")
        while not cancelled():
            time.sleep(0.01)
        stopped.append(str(run.id))

    started = [runs.start(loop) for _ in range(2)]
    for run in started:
        runs.until_logged(run, "text")
    try:
        with database_fails():
            runner.shutdown()
            eventually(lambda: len(stopped) == 2)
    finally:
        runner.startup()  # as the next start of a server does
        runner._runner._serving = False
    states = {runs.until(run).state for run in started}
    assert states <= {"stopped", "interrupted"}
