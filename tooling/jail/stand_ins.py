"""What a program gets in place of things that lead out of it, or that need the machine: streams,
`sys`, sleeping, time zones."""

from __future__ import annotations

import io
import os
import random
import sys
import time
import types
import uuid
import zoneinfo
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from tooling.jail.names import NotAvailable

MAX_RECURSION = 20_000  # frames; deeper, the interpreter's own stack ends
MAX_DIGITS = 100_000  # of a whole number that is written; no more than that is ever given back
NO_INPUT = "there is nobody to ask; put the value into the program"
NO_FILES = "files cannot be read or written; work with values in the program, or io.StringIO"

_zones: dict[str, bytes] = {}
_deadline = float("inf")


def leave(code: object = None) -> NoReturn:
    """Stand in for exit(), quit() and sys.exit()."""
    raise SystemExit(code)


def open_nothing(*arguments: Any, **options: Any) -> NoReturn:
    """Stand in for io.open()."""
    raise NotAvailable("open()", NO_FILES)


class Stream:
    """What a program may do with its output: the stream itself would lead to the files' class."""

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False

    def __init__(self, stream: Any) -> None:
        self.write, self.flush = stream.write, stream.flush

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


class Input:
    """Standard input, where nobody types."""

    def read(self, *arguments: Any) -> NoReturn:
        raise NotAvailable("sys.stdin", NO_INPUT)

    readline = readlines = __iter__ = __next__ = read


class System(types.ModuleType):
    """`sys` as far as programs need it. Its streams are the ones that `print` writes to."""

    @property
    def stdout(self) -> Any:
        return sys.stdout

    @stdout.setter
    def stdout(self, stream: Any) -> None:
        sys.stdout = stream

    @property
    def stderr(self) -> Any:
        return sys.stderr

    @stderr.setter
    def stderr(self, stream: Any) -> None:
        sys.stderr = stream


def system() -> System:
    module = System("sys")
    vars(module).update(
        argv=["code.py"], exit=leave, stdin=Input(), setrecursionlimit=set_recursion_limit
    )
    return module


def set_recursion_limit(limit: int) -> None:
    """Set it, to what the process can bear: beyond that is RecursionError all the same."""
    sys.setrecursionlimit(min(limit, MAX_RECURSION))


def protect_streams() -> None:
    sys.stdout, sys.stderr = Stream(sys.stdout), Stream(sys.stderr)


def end_at(deadline: float) -> None:
    """Note when the program will be stopped, on the clock of `time.monotonic`."""
    global _deadline
    _deadline = deadline


def sleep(seconds: float) -> None:
    """Stand in for time.sleep()."""
    left = _deadline - time.monotonic()
    if seconds > left:
        raise NotAvailable(
            f"time.sleep({seconds:g})", f"the program is stopped in {max(left, 0):.0f} s"
        )
    time.sleep(seconds)


def make_uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    """Stand in for uuid.uuid1(), without this machine's address."""
    made_up = random.getrandbits(48) | (1 << 40)  # the bit of a group: no real card has it
    number = random.getrandbits(14) if clock_seq is None else clock_seq
    return uuid.uuid1(made_up if node is None else node, number)


def read_zones() -> None:
    """Read the time zones into memory, where `zoneinfo` will look for them."""
    for folder in map(Path, zoneinfo.TZPATH):
        for path, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in ("posix", "right")]
            for name in names:
                file = Path(path, name)
                data = file.read_bytes()
                if data.startswith(b"TZif"):
                    _zones.setdefault(file.relative_to(folder).as_posix(), data)
    zoneinfo.reset_tzpath(to=())
    sys.modules["zoneinfo._common"].load_tzdata = _zone  # type: ignore[attr-defined]
    time.localtime()  # reads this machine's zone


def zone_names() -> set[str]:
    """Stand in for zoneinfo.available_timezones()."""
    return set(_zones)


def _zone(key: str) -> io.BytesIO:
    if key not in _zones:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return io.BytesIO(_zones[key])
