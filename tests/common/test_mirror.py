"""Rows follow what goes on in memory, also after a database that failed for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Group
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from common import mirror
from common.mirror import RowMirror
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> RowMirror:
    monkeypatch.setattr(mirror, "RETRY_SECONDS", 0.05)
    Group.objects.create(id=1, name="old")
    return RowMirror(Group, "id")


@contextmanager
def failing(error: Exception) -> Iterator[None]:
    """A database that takes no update."""

    def fail(*_: object, **__: object) -> int:
        raise error

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(QuerySet, "update", fail)
        yield


def names() -> list[str]:
    return list(Group.objects.values_list("name", flat=True))


def test_what_is_written_is_there_at_once(rows: RowMirror) -> None:
    assert rows.write(1, name="new")
    assert names() == ["new"]


@pytest.mark.parametrize("error", [OperationalError("locked"), InterfaceError("closed")])
def test_a_write_that_fails_is_made_up_for(
    rows: RowMirror, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with failing(error):
        assert not rows.write(1, name="first")
        assert not rows.write(1, name="second")
        assert names() == ["old"]
    eventually(lambda: names() == ["second"])
    eventually(lambda: not rows._owed)
    told = [entry for entry in caplog.records if "not up to date" in entry.getMessage()]
    assert len(told) == 1


def test_what_comes_after_a_failure_counts(rows: RowMirror) -> None:
    with failing(OperationalError("disk full")):
        assert not rows.write(1, name="first")
    assert rows.write(1, name="last")
    threading.Event().wait(0.3)
    assert names() == ["last"]


def test_a_row_that_is_gone_is_owed_nothing(rows: RowMirror) -> None:
    with failing(OperationalError("disk full")):
        rows.write(1, name="first")
        Group.objects.all().delete()
    eventually(lambda: not rows._owed)
    assert rows.write(2, name="never there")
    assert names() == []
