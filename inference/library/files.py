"""Opens files of models. A model folder may hold anything: what is no regular file is never opened
for good, since a named pipe would be waited for without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from common.jsons import json_read
from common.types import JSON
from inference.errors import ModelLoadFailed

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. ModelLoadFailed names the file and says what it is else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ModelLoadFailed(f"{path.name} {_reason(error, path)}.") from error
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelLoadFailed(f"{path.name} is {_kind(mode)}, not a regular file.")
    return os.fdopen(descriptor, "rb")


def regular_check(path: Path) -> None:
    """ModelLoadFailed unless it is a regular file, or a link to one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ModelLoadFailed(f"{path.name} {_reason(error, path)}.") from error
    if not stat.S_ISREG(mode):
        raise ModelLoadFailed(f"{path.name} is {_kind(mode)}, not a regular file.")


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file that has at most `limit` bytes; ModelLoadFailed if it has more."""
    with open_regular(path) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ModelLoadFailed(f"{path.name} is longer than {limit} bytes: not read.")
    return content


def json_object(path: Path, limit: int, name: str = "") -> JSON:
    """Read a JSON object; ModelLoadFailed, with `name` for the file, if it is none."""
    content = read_bounded(path, limit)
    if not content.strip():
        raise ModelLoadFailed(f"{name or path.name} is empty.")
    try:
        value = json_read(content)
    except ValueError as error:
        raise ModelLoadFailed(
            f"{name or path.name} cannot be read, it is not JSON: {error}"
        ) from error
    if not isinstance(value, dict):
        raise ModelLoadFailed(f"{name or path.name} is not a JSON object.")
    return value


def _kind(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "something else")


def _reason(error: OSError, path: Path) -> str:
    if error.errno == errno.ELOOP:
        return "is a link that leads in a circle"
    if error.errno == errno.ENOENT:
        return "is a link that leads nowhere" if path.is_symlink() else "is missing"
    if error.errno == errno.ENXIO:  # a socket cannot be opened at all
        return "is a socket, not a regular file"
    return f"cannot be read: {error.strerror}"
