"""Text comes token by token; the log gets it in pieces of about a tenth of a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from django.db import Error as DatabaseError

from agents.loops.contract import EventKind, LoopEvent
from common.disk import disk_full_seen

logger = logging.getLogger(__name__)

INTERVAL = 0.1  # seconds
RETRY = 1.0  # seconds until text is written again that the database did not take

PIECES = (EventKind.TEXT, EventKind.THINKING, EventKind.STEP_TEXT)  # of a growing text


class LogWriter:
    """Hands a loop's events to `append`, in order.

    Text is held back until INTERVAL has passed since the last append, so the first piece goes out
    at once; anything else goes out immediately, after the text before it. While the loop is silent
    somebody else calls `flush_if_due`. What `append` refuses stays pending and its error is raised;
    but text can wait for a database that fails, and is written with what follows.
    """

    def __init__(
        self,
        append: Callable[[Sequence[LoopEvent]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._append = append
        self._clock = clock
        self._lock = threading.RLock()
        self._pending: list[LoopEvent] = []
        self._last = float("-inf")

    def add(self, event: LoopEvent) -> None:
        with self._lock:
            self._pending = merged([*self._pending, event])
            if event.kind not in PIECES:
                self.flush()
            elif self._is_due():
                self._flush_text()

    def flush(self) -> None:
        with self._lock:
            if self._pending:
                self._append(self._pending)
                self._pending = []
                self._last = self._clock()

    def flush_if_due(self) -> None:
        """Flush what is old enough; do nothing while another thread is just writing."""
        if self._lock.acquire(blocking=False):
            try:
                if self._is_due():
                    self._flush_text()
            finally:
                self._lock.release()

    def _flush_text(self) -> None:
        try:
            self.flush()
        except DatabaseError as error:
            if not disk_full_seen(error, "the text of a run"):
                logger.warning("Text waits for the database: %s", error)
            self._last = self._clock() + RETRY - INTERVAL

    def _is_due(self) -> bool:
        return self._clock() - self._last >= INTERVAL


def merged(events: Iterable[LoopEvent]) -> list[LoopEvent]:
    """Give the events, with neighbouring pieces of the same text as one."""
    result: list[LoopEvent] = []
    for event in events:
        if result and _continues(result[-1], event):
            text = result[-1].data["text"] + event.data["text"]
            result[-1] = LoopEvent(event.kind, {**event.data, "text": text})
        else:
            result.append(event)
    return result


def _continues(before: LoopEvent, event: LoopEvent) -> bool:
    if event.kind not in PIECES or event.kind != before.kind:
        return False
    return {**before.data, "text": ""} == {**event.data, "text": ""}
