"""Before a request joins the queue, what the disk has of its prompt is read beside the batch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait

from inference.mlx_worker.cache.disk import Loaded
from inference.mlx_worker.cache.memory import PromptCache
from inference.mlx_worker.sequence import Sequence

WAIT = 0.05  # seconds that an engine without work waits for the disk at a time


class ReadAhead:
    """The sequences whose beginning is being read, so that no running answer waits for the disk."""

    def __init__(self, cache: PromptCache) -> None:
        self._cache = cache
        self._reading: dict[Sequence, Future[Loaded | None]] = {}

    def __len__(self) -> int:
        return len(self._reading)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(list(self._reading))

    def begin(self, sequence: Sequence) -> bool:
        """Whether there is something to read."""
        future = self._cache.read_ahead(sequence.prompt.tokens)
        if future is not None:
            self._reading[sequence] = future
        return future is not None

    def remove(self, sequence: Sequence) -> bool:
        """Give it up; False when it is not here."""
        return self._reading.pop(sequence, None) is not None

    def ready(self, *, is_idle: bool) -> list[Sequence]:
        """Those whose beginning is in the memory now; with `is_idle` it may take a moment."""
        if self._reading and is_idle:
            wait(self._reading.values(), timeout=WAIT, return_when=FIRST_COMPLETED)
        done = [sequence for sequence, future in self._reading.items() if future.done()]
        for sequence in done:
            if loaded := self._reading.pop(sequence).result():
                self._cache.keep(loaded)
        return done
