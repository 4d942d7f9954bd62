"""A full disk is known in all its forms, told in one, and logged once."""

from __future__ import annotations

import errno
import logging
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError

from common import disk
from common.disk import disk_full_seen, is_disk_full, storing, when_there_is_room
from common.errors import DiskFull, InvalidRequest
from common.problems import error_body, problem_of
from tests.server import ROOT


@pytest.fixture(autouse=True)
def not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is the first to see a full disk."""
    monkeypatch.setattr(disk, "_noted_at", float("-inf"))
    monkeypatch.setattr(disk, "_databases", set())


def full_of_sqlite(folder: Path) -> sqlite3.Error:
    """The error of a database that has no room, as SQLite raises it."""
    connection = sqlite3.connect(folder / "full.sqlite3")
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as raised:
        connection.execute("INSERT INTO t VALUES (?)", ["x" * 100_000])
    connection.close()
    return raised.value


def wrapped(cause: Exception) -> OperationalError:
    """As Django hands it on."""
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_system_says_so(number: int) -> None:
    assert is_disk_full(OSError(number, "No space left on device"))


def test_sqlite_says_so(tmp_path: Path) -> None:
    cause = full_of_sqlite(tmp_path)
    assert is_disk_full(cause)
    assert is_disk_full(wrapped(cause))


def test_postgresql_says_so() -> None:
    assert is_disk_full(wrapped(psycopg.errors.DiskFull("could not extend file")))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        wrapped(sqlite3.OperationalError("database is locked")),
        wrapped(psycopg.errors.UniqueViolation("twice")),
        KeyError("disk is full"),
        InvalidRequest("No."),
    ],
)
def test_other_errors_are_others(error: Exception) -> None:
    assert not is_disk_full(error)


def test_an_error_that_was_put_in_anothers_place_is_not_looked_behind() -> None:
    def parse() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise KeyError("x") from None

    with pytest.raises(KeyError) as raised:
        parse()
    assert not is_disk_full(raised.value)


# A limit on the size of files is what a test can set without being root.
LIMITED = """
import resource, signal, sqlite3, sys
from pathlib import Path
from common.disk import database_watch, is_disk_full
file = Path(sys.argv[1])
database = sqlite3.connect(file)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE t (x TEXT)")
database.commit()
database_watch(file)
longest = max(path.stat().st_size for path in file.parent.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        with database:
            database.execute("INSERT INTO t VALUES (?)", ["x" * 1_000_000])
    except sqlite3.Error as error:
        print(error, is_disk_full(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
error = sqlite3.OperationalError("disk I/O error")
error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
print("with room", is_disk_full(error))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limits on files here")
def test_where_sqlite_is_vague_it_is_tried(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "limited.sqlite3")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["disk I/O error True", "with room False"], done.stderr


def test_it_is_told_as_507_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    error = wrapped(psycopg.errors.DiskFull("could not extend file"))
    problem = problem_of(error, "POST /x")
    assert (problem.status, problem.code, problem.id) == (507, "disk_full", None)
    assert "disk is full" in problem.message
    assert [record.exc_info for record in caplog.records] == [None]


def test_the_log_says_it_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    for _ in range(100):
        assert disk_full_seen(error, "a test")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    monkeypatch.setattr(disk, "_noted_at", disk._noted_at - disk.SILENCE_SECONDS)
    assert disk_full_seen(error, "a test")
    assert len(caplog.records) == 2


def test_what_stores_tells_it_as_an_error_of_ours() -> None:
    @storing("a test")
    def store(error: Exception) -> None:
        raise error

    with pytest.raises(DiskFull):
        store(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(InvalidRequest):
        store(InvalidRequest("No."))
    with pytest.raises(KeyError):
        store(KeyError("x"))


def test_what_nobody_waits_for_is_stored_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0)
    tries = iter([OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "full"), None])

    def store() -> str:
        if error := next(tries):
            raise error
        return "stored"

    assert when_there_is_room(store, "a test") == "stored"
    with pytest.raises(KeyError):
        when_there_is_room(lambda: {}["x"], "a test")


def test_streams_and_sockets_tell_it_too() -> None:
    class Origin:
        method, path = "WS", "/api/chat/ws"

    body = error_body(OSError(errno.ENOSPC, "No space left on device"), Origin())
    assert body["error"]["code"] == "disk_full"
