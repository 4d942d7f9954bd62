"""The crossing between sync generators and async code, the only one for streams."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Generic, TypeVar

from django.db import connections

from common.cancellation import CancelScope, cancellable, on_cancel
from common.errors import RequestCancelled

T = TypeVar("T")

AHEAD = 256  # items that may wait for a slow reader before the generator is held


async def iterate(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
    """Yield the items of the iterator that `make` returns, made and run on a daemon thread.

    When the reader goes away (aclose, cancellation, the end of the CancelScope that the reader
    works in), whatever the thread is blocked in is woken through a scope of its own, and the
    iterator is closed in its own thread. Nothing waits for that.
    """
    pump = _Pump(make, asyncio.get_running_loop())
    forget = on_cancel(pump.close)
    try:
        threading.Thread(target=pump.run, name="bridge", daemon=True).start()
        while True:
            kind, value = await pump.items.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            pump.room.release()
            yield value
    finally:
        forget()
        pump.close()


class _Pump(Generic[T]):
    """The thread's side: pulls items and hands them to the event loop."""

    def __init__(self, make: Callable[[], Iterator[T]], loop: asyncio.AbstractEventLoop) -> None:
        self.items: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.room = threading.Semaphore(AHEAD)
        self._make, self._loop, self._scope = make, loop, CancelScope()

    def run(self) -> None:
        """Work on the thread; always end with "end" or "error"."""
        try:
            with cancellable(self._scope):
                self._pull()
            if self._scope.closed:  # whoever still reads must not take this for the end
                raise RequestCancelled("Nobody waits for this any more.")
        except BaseException as error:  # noqa: BLE001  it is raised again on the other side
            self._send("error", error)
        else:
            self._send("end", None)
        finally:
            connections.close_all()

    def _pull(self) -> None:
        if self._scope.closed:
            return
        iterator = self._make()
        try:
            for item in iterator:
                self.room.acquire()
                if self._scope.closed:
                    return
                self._send("item", item)
        finally:
            if close := getattr(iterator, "close", None):
                close()

    def _send(self, kind: str, value: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(self.items.put_nowait, (kind, value))
        except RuntimeError:  # the loop is gone, and the reader with it
            self._scope.close()

    def close(self) -> None:
        self._scope.close()
        self.room.release()
