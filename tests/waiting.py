"""Wait for what happens elsewhere: in a thread, in a process, behind a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.02  # between two looks


def eventually(condition: Callable[[], T], seconds: float = 20) -> T:
    """Return the condition's first true value; fail if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s it is still {value!r}"
        time.sleep(PAUSE)
    return value
