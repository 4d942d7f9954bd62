"""The disk: how it shows that it is full and how that is told, and whose files are whose.

A full disk reaches us as an OSError, as one of SQLite's errors or as one of PostgreSQL's, at every
place that stores something. All become `DiskFull`: in what the services do through `storing`, and
in whatever else goes wrong in `common.problems.problem_of`.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from common.errors import CortexError, DiskFull

T = TypeVar("T")
logger = logging.getLogger("cortex.disk")

FULL = DiskFull.example
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
POSTGRESQL_DISK_FULL = "53100"  # its SQLSTATE
VAGUE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)  # a full disk may be the reason
PIECE = 2**16  # bytes: SQLite lengthens its files by less at once
RETRY_SECONDS = 1.0
SILENCE_SECONDS = 60.0  # between two lines of the log
PRIVATE = 0o077  # as umask: nobody else may read what we make

_databases: set[Path] = set()
_noted_at = float("-inf")
_lock = threading.Lock()


def database_watch(file: Path) -> None:
    """Look for room beside this file of SQLite's when its errors do not tell."""
    _databases.add(file)


def is_disk_full(exception: BaseException | None) -> bool:
    """Tell whether a full disk, or a full quota, is what is behind the exception."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        seen.add(id(exception))
        if _says_full(exception):
            return True
        hidden = exception.__suppress_context__
        exception = exception.__cause__ or (None if hidden else exception.__context__)
    return False


def _says_full(exception: BaseException) -> bool:
    if isinstance(exception, DiskFull):
        return True
    if isinstance(exception, OSError):
        return exception.errno in NO_ROOM
    if isinstance(exception, sqlite3.Error):
        code = (getattr(exception, "sqlite_errorcode", None) or 0) & 0xFF
        return code == sqlite3.SQLITE_FULL or (code in VAGUE and any(map(_lacks_room, _databases)))
    return getattr(exception, "sqlstate", None) == POSTGRESQL_DISK_FULL


def _lacks_room(database: Path) -> bool:
    """Try to write what SQLite may have tried: behind the end of its longest file."""
    try:
        files = [database, *database.parent.glob(f"{database.name}-*")]
        longest = max((file.stat().st_size for file in files if file.exists()), default=0)
        with tempfile.TemporaryFile(dir=database.parent) as trial:
            trial.seek(longest)
            trial.write(bytes(PIECE))
    except OSError as error:
        return error.errno in (*NO_ROOM, errno.EFBIG)
    return False


def disk_full_seen(exception: BaseException, where: str) -> bool:
    """Tell whether the disk is full, and if so say it in the log, once a minute at most."""
    if not is_disk_full(exception):
        return False
    global _noted_at
    with _lock:
        is_new = time.monotonic() - _noted_at >= SILENCE_SECONDS
        if is_new:
            _noted_at = time.monotonic()
    if is_new:
        logger.error(
            "The disk is full: nothing can be stored until there is room (%s: %s)", where, exception
        )
    return True


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Raise DiskFull where the disk has no room for what the block stores. A decorator as well."""
    try:
        yield
    except CortexError:
        raise
    except Exception as error:
        if disk_full_seen(error, what):
            raise DiskFull(FULL) from error
        raise


def when_there_is_room(store: Callable[[], T], what: str) -> T:
    """Store it as soon as the disk has room: for threads on which nobody waits."""
    while True:
        try:
            return store()
        except Exception as error:
            if not disk_full_seen(error, what):
                raise
        time.sleep(RETRY_SECONDS)


# --- Whose files are whose -----------------------------------------------------------------------

_users_umask = -1


def umask_private() -> None:
    """From now on files that this process and its children make are for their owner alone."""
    global _users_umask
    before = os.umask(PRIVATE)
    if _users_umask < 0:
        _users_umask = before


def users_umask() -> int:
    """Give the umask as the user had set it, for files that are not Cortex's own; -1 for as it
    is."""
    return _users_umask
