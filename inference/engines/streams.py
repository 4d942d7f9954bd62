"""A stream of deltas between the thread that gets them and the thread that reads them."""

from __future__ import annotations

from queue import SimpleQueue

from common.errors import CortexError
from inference.engines.base import DeltaStream
from inference.types import Delta


class QueuedStream(DeltaStream):
    """Filled with `put` by one thread, iterated by another, closed by any."""

    def __init__(self) -> None:
        self._items: SimpleQueue[Delta | CortexError | None] = SimpleQueue()
        self._ended = False

    def put(self, item: Delta | CortexError | None) -> None:
        """A delta, an error that ends the stream, or None for its end without a word."""
        self._items.put(item)

    def __next__(self) -> Delta:
        if self._ended:
            raise StopIteration
        item = self._items.get()
        if isinstance(item, Delta):
            self._ended = item.finish_reason is not None
            return item
        self._ended = True
        if item is None:
            raise StopIteration
        raise item

    def close(self) -> None:
        self._items.put(None)
