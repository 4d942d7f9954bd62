"""The data folder: one server works in it, and nobody but its owner looks into it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from common.disk import PRIVATE

logger = logging.getLogger("cortex.server")

LOCK = "server.lock"
TAKEN = (errno.EACCES, errno.EAGAIN)
_held: list[IO[str]] = []  # for as long as the process lives


class FolderInUse(Exception):
    """Another server works there. The text says where, and which process it is."""


def folder_claim() -> None:
    """Take the data folder for this server, and the SQLite database where that lies elsewhere.

    Servers that share a PostgreSQL database are meant to, and share the folder. Raises FolderInUse.
    """
    database = database_file()
    if database is None:
        return
    places = {settings.DATA_DIR.resolve(): settings.DATA_DIR / LOCK}
    if database.parent.resolve() not in places:
        places[database.resolve()] = database.with_name(f"{database.name}.lock")
    for place, path in places.items():
        _claim(place, path)


def _claim(place: Path, path: Path) -> None:
    # Of POSIX, not flock: a child that was forked has no part in it, and cannot keep it.
    file = path.open("a+")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            file.seek(0)
            raise FolderInUse(f"{place} (process {file.read().strip() or 'unknown'})") from error
        logger.warning("%s cannot be locked: %s. Start only one server on it.", path, error)
    _held.append(file)
    with contextlib.suppress(OSError):  # on a full disk: the number is only for the message
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()


def database_file() -> Path | None:
    """Give SQLite's file; None for another database."""
    return Path(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else None


def folder_make_private() -> list[Path]:
    """Take the rights of others from all that Cortex keeps; give what they can use all the same."""
    return [path for path in _kept() if not _make_private(path)]


def _make_private(path: Path) -> bool:
    """What went meanwhile is private enough, and a link has no rights of its own."""
    try:
        mode = path.lstat().st_mode
        if not mode & PRIVATE or stat.S_ISLNK(mode):
            return True
        path.chmod(stat.S_IMODE(mode) & ~PRIVATE)
        return not path.lstat().st_mode & PRIVATE
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _kept() -> Iterator[Path]:
    data = settings.DATA_DIR
    if is_shared(data):
        yield from (data / LOCK, data / "secret_key")
    else:
        yield from _below(data)
    if not is_shared(settings.PROMPT_CACHE_DIR):
        yield from _below(settings.PROMPT_CACHE_DIR)
    database = database_file()
    if database is not None:
        yield from (database.with_name(database.name + end) for end in ("", "-wal", "-shm"))


def is_shared(folder: Path) -> bool:
    """Tell whether a folder holds more than Cortex's data: a home, or Cortex itself."""
    resolved = folder.resolve()
    others = (Path.home().resolve(), settings.BASE_DIR)
    return any(resolved in (other, *other.parents) for other in others)


def _below(root: Path) -> Iterator[Path]:
    """The folder and all in it. Other users' links lead nowhere from here."""
    yield root
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, name) for name in (*folders, *files))
