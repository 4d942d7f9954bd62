"""How a run is stopped: one `Control` a run, known to its thread, pulled from any other."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol, TypeVar

from common.cancellation import CancelScope, cancellable
from inference.engines.base import QueuePosition

logger = logging.getLogger(__name__)


class Stoppable(Protocol):
    """An answer on its way. `cancel` lets it end in good order, `close` ends it at once; `place` is
    where it waits, None once its turn has come, and `reading` how much of its prompt has been read,
    None once it is written. All are safe from any thread, and to call twice."""

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def place(self) -> QueuePosition | None: ...

    def reading(self) -> float | None: ...


S = TypeVar("S", bound=Stoppable)


class Control:
    """Cancels a run at once, wherever its thread is blocked, and wakes it while it waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working: list[Stoppable] = []
        self._cancelled_at: float | None = None
        self._nudged = False
        self._scope = CancelScope()

    @contextlib.contextmanager
    def governing(self) -> Iterator[None]:
        """Let what this thread does inside the block be cancelled."""
        token = _current.set(self)
        try:
            with cancellable(self._scope):
                yield
        finally:
            _current.reset(token)

    @property
    def cancelled(self) -> bool:
        return self._cancelled_at is not None

    def cancelled_for(self) -> float:
        """Seconds since the cancellation; 0 when there was none."""
        return time.monotonic() - self._cancelled_at if self._cancelled_at is not None else 0.0

    def cancel(self) -> None:
        """End the answer on its way; whatever else the thread is blocked in is woken. Safe to call
        twice, from any thread."""
        with self._changed:
            if self._cancelled_at is not None:
                return
            self._cancelled_at = time.monotonic()
            working = list(self._working)
            self._changed.notify_all()
        for answer in working:
            _cancel(answer)
        if not working:
            self.abort()

    def abort(self) -> None:
        """After `cancel`: wait for no answer's good end any more."""
        self._scope.close()

    def nudge(self) -> None:
        """End a `wait` early: there is something new to look at."""
        with self._changed:
            self._nudged = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until cancelled, nudged (also before the call), or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled or self._nudged, seconds)
            self._nudged = False

    def place(self) -> QueuePosition | None:
        """Where the answer on its way waits for its model; None when none waits."""
        return next(filter(None, (answer.place() for answer in self._answers())), None)

    def reading(self) -> float | None:
        """How much has been read of the prompt of the answer on its way, from 0.0 to 1.0; None when
        none is read."""
        parts = (answer.reading() for answer in self._answers())
        return next((part for part in parts if part is not None), None)

    def _answers(self) -> list[Stoppable]:
        with self._changed:
            return list(self._working)

    @contextlib.contextmanager
    def closing(self, answer: S) -> Iterator[S]:
        """Close the answer after the block; cancel it when the run is cancelled."""
        with self._changed:
            self._working.append(answer)
            late = self.cancelled
        try:
            if late:
                _cancel(answer)
            yield answer
        finally:
            with self._changed:
                self._working.remove(answer)
            answer.close()


def _cancel(answer: Stoppable) -> None:
    try:
        answer.cancel()
    except Exception:
        logger.exception("Cancelling an answer failed; it is closed instead")
        answer.close()


_current: ContextVar[Control | None] = ContextVar("run_control", default=None)


def closing(answer: S) -> contextlib.AbstractContextManager[S]:
    """`Control.closing` for the run on this thread; outside of a run just closes at the end."""
    return (_current.get() or Control()).closing(answer)


def cancel_check() -> Callable[[], bool]:
    """Tells, on any thread, whether the run on this thread is to stop; False outside of a run."""
    control = _current.get() or Control()
    return lambda: control.cancelled
