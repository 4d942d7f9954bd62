"""Whose turn it is: the requests of one engine, those being answered and those that wait.

Every engine has its queue here, in the web process, and hands on no more than it has places for:
so order, position and expected wait are known for a remote server as for a process of our own.
"""

from __future__ import annotations

import threading
import time
from typing import Generic, Protocol, TypeVar

from inference.engines.base import Engine, EngineConfig, OnChange, QueuePosition, ignore_change
from inference.engines.pace import Pace
from inference.engines.queue import FairQueue
from inference.errors import QueueFull
from inference.types import Delta, GenerationRequest, Usage


class Asked(Protocol):
    """One request on its way: since when, and when its turn came (0.0: not yet)."""

    request: GenerationRequest
    asked_at: float
    begun_at: float


Item = TypeVar("Item", bound=Asked)


class Turns(Generic[Item]):
    """Not thread-safe: the engine's lock guards it."""

    def __init__(self, config: EngineConfig, places: int) -> None:
        self._config = config
        self._places = places
        self._running: dict[str, Item] = {}
        self._alone: set[str] = set()  # ids of those that are answered in nobody's company
        self._queue: FairQueue[Item] = FairQueue()
        self._pace = Pace(places)

    def limit(self, places: int) -> None:
        """Answer no more than so many at a time from now on."""
        if places < self._places:
            self._places = places
            self._pace = Pace(places)

    @property
    def running(self) -> list[Item]:
        """Those being answered, the oldest first."""
        return list(self._running.values())

    @property
    def waiting(self) -> list[Item]:
        """Those that wait, in the order of their turns."""
        return list(self._queue)

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    def part(self, item: Item) -> None:
        """Have it answered while nothing else is."""
        self._alone.add(item.request.id)

    def is_parted(self, item: Item) -> bool:
        """Whether it is to be answered while nothing else is."""
        return item.request.id in self._alone

    def find(self, request_id: str) -> Item | None:
        """The request of that id, running or waiting."""
        if item := self._running.get(request_id):
            return item
        return next((item for item in self._queue if item.request.id == request_id), None)

    def enter(self, item: Item) -> None:
        """Join the queue. Raises QueueFull when it is full and no place is free."""
        limit = self._config.max_queue
        if len(self._running) >= self._places and len(self._queue) >= limit:
            raise QueueFull(
                f"{limit} requests wait for {self._config.model} already.",
                queued=limit,
                expected_wait=self.wait(limit + 1),
            )
        self._push(item)

    def _push(self, item: Item) -> None:
        self._queue.push(item, priority=item.request.priority, owner=item.request.owner)

    def next(self) -> Item | None:
        """Who is to begin now; None when nobody waits, no place is free, or one that is to be
        answered alone is being answered or comes next."""
        if not len(self._queue) or len(self._running) >= self._places:
            return None
        company = [next(iter(self._queue)), *self._running.values()]
        if len(company) > 1 and any(map(self.is_parted, company)):
            return None
        item = self._queue.pop()
        item.begun_at = time.monotonic()
        self._running[item.request.id] = item
        return item

    def leave(self, item: Item) -> bool:
        """Take a request out, wherever it is; False when it was gone already."""
        self._alone.discard(item.request.id)
        if self._running.get(item.request.id) is item:
            del self._running[item.request.id]
            return True
        return self._queue.remove(item)

    def return_running(self) -> None:
        """Those being answered wait again, before all others of their kind."""
        again = [*self._running.values(), *self._queue]
        self._running, self._queue = {}, FairQueue()
        for item in again:
            item.begun_at = 0.0
            self._push(item)

    def clear(self) -> list[Item]:
        """Take all out."""
        everyone = [*self._running.values(), *self._queue]
        self._running, self._queue = {}, FairQueue()
        self._alone.clear()
        return everyone

    def note(self, usage: Usage) -> None:
        """An answer has ended: learn how long one takes."""
        self._pace.note(usage)

    def position(self, request_id: str) -> QueuePosition | None:
        """Where a request waits; None when it does not."""
        for index, item in enumerate(self._queue, start=1):
            if item.request.id == request_id:
                return QueuePosition(index, self.wait(index))
        return None

    def wait(self, position: int) -> float:
        """Seconds that number `position` of the queue can expect to wait."""
        now = time.monotonic()
        oldest = next(iter(self._running.values()), None)
        return self._pace.wait(position, now - oldest.begun_at if oldest else 0.0)


class QueuedEngine(Engine, Generic[Item]):
    """An engine whose requests wait here for their turn."""

    def __init__(self, config: EngineConfig, on_change: OnChange = ignore_change) -> None:
        super().__init__(config, on_change)
        self._lock = threading.Lock()
        self._turns: Turns[Item] = Turns(config, config.max_batch)

    def queued(self) -> int:
        return self._turns.queued

    def place(self, request_id: str) -> QueuePosition | None:
        with self._lock:
            return self._turns.position(request_id)

    def wait(self, position: int) -> float:
        with self._lock:
            return self._turns.wait(position)


def waited(item: Asked) -> float:
    """Seconds from being asked until its turn came, or until now."""
    return (item.begun_at or time.monotonic()) - item.asked_at


def cancelled_waiting(item: Asked) -> Delta:
    """The end of a request that was cancelled before its turn."""
    return Delta(finish_reason="cancelled", usage=Usage(queue_seconds=waited(item)))
