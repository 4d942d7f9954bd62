"""How long a place in a model's queue takes, judged by the answers that ended lately."""

from __future__ import annotations

from collections import deque

from inference.types import Usage

REMEMBERED = 32  # answers


class Pace:
    """Of a model that writes `places` answers at a time: if one takes `t` seconds, a place becomes
    free every t / places seconds."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, usage: Usage) -> None:
        """An answer has ended. One that was cancelled in the queue tells nothing."""
        if seconds := usage.prefill_seconds + usage.decode_seconds:
            self._seconds.append(seconds)

    def wait(self, position: int, oldest: float) -> float:
        """Expected seconds until number `position` (from 1) of the queue is served. Before any
        answer has ended, one is taken to last twice as long as the `oldest` has lasted by now."""
        known = list(self._seconds)
        left = sum(known) / len(known) if known else oldest
        return position * left / self._places
