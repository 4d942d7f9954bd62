"""Which requests were in a model's process when it died.

One of them may have ended it, and would end the next one too, with the requests that share it. So
whoever was there when a process died is answered alone from then on, also when a client sends the
same again; and what was there twice is refused. After an hour that is forgotten: memory may have
been short, or somebody may have ended the process.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from inference.types import GenerationRequest, encode

MOST_DEATHS = 2
KEPT = 256
FORGOTTEN = 3600.0  # seconds


class Suspects:
    """Not thread-safe: the engine's lock guards it."""

    def __init__(self) -> None:
        self._deaths: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and when

    def deaths(self, request: GenerationRequest) -> int:
        """How many processes died with such a request in them."""
        return self._count(_content(request)) if self._deaths else 0

    def _count(self, content: str) -> int:
        count, died_at = self._deaths.get(content, (0, 0.0))
        return count if time.monotonic() - died_at < FORGOTTEN else 0

    def note(self, requests: Iterable[GenerationRequest]) -> None:
        """A process has died with these in it."""
        for content in {_content(request) for request in requests}:
            self._deaths[content] = (self._count(content) + 1, time.monotonic())
            self._deaths.move_to_end(content)
        while len(self._deaths) > KEPT:
            self._deaths.popitem(last=False)

    def acquit(self, request: GenerationRequest) -> None:
        """It was answered, and the process lives."""
        if self._deaths:
            self._deaths.pop(_content(request), None)


def _content(request: GenerationRequest) -> str:
    """What is asked for, whoever asks and whatever is drawn."""
    sampling = replace(request.sampling, seed=None)
    same = replace(request, id="", owner="", priority=0, sampling=sampling)
    return hashlib.sha256(json.dumps(encode(same)).encode()).hexdigest()
