"""Giving up on work that a thread is blocked in.

A thread that waits for a model (its next token, its load) cannot be interrupted from outside. So it
works inside a `CancelScope`; what it blocks in registers with the scope how to wake it, and whoever
wants it to stop closes the scope from any other thread. The scope of a client's request is closed
when the client leaves (`WhileConnected`).
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from common.errors import RequestCancelled, TimeUp

T = TypeVar("T")
Callback = Callable[[], None]
LEFT = ("http.disconnect", "websocket.disconnect")  # what ASGI tells when a client is gone


class CancelScope:
    """What has to be woken when the work inside is no longer wanted. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[object, Callback] = {}
        self.closed = False

    def add(self, callback: Callback) -> Callback:
        """Call `callback` once on close (now, if closed already); returns how to take it back."""
        key = object()
        with self._lock:
            if not self.closed:
                self._callbacks[key] = callback
                return lambda: self._remove(key)
        callback()
        return lambda: None

    def _remove(self, key: object) -> None:
        with self._lock:
            self._callbacks.pop(key, None)

    def close(self) -> None:
        """Wake everything inside. Safe to call twice, and from any thread."""
        with self._lock:
            self.closed = True
            callbacks, self._callbacks = list(self._callbacks.values()), {}
        for callback in callbacks:
            callback()


_current: ContextVar[CancelScope | None] = ContextVar("cancel_scope", default=None)


@contextmanager
def cancellable(scope: CancelScope) -> Iterator[CancelScope]:
    """Work of this thread inside the block belongs to `scope`."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


def on_cancel(callback: Callback) -> Callback:
    """Register with the scope this thread works in, if any; returns how to take it back."""
    scope = _current.get()
    return scope.add(callback) if scope else lambda: None


def wait_for(future: Future[T]) -> T:
    """Wait for the future's result; RequestCancelled when the scope is closed before it is
    there."""
    cancelled: Future[None] = Future()
    forget = on_cancel(lambda: cancelled.set_result(None))
    try:
        both: list[Future[Any]] = [future, cancelled]
        done, _ = wait(both, return_when=FIRST_COMPLETED)
    finally:
        forget()
    if future not in done:
        raise RequestCancelled("The request was cancelled while it waited for its model.")
    return future.result()


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Give up what this thread waits for inside the block after so many seconds: TimeUp then. None
    is no limit."""
    if seconds is None:
        yield
        return
    scope, late = CancelScope(), threading.Event()

    def end() -> None:
        late.set()
        scope.close()

    timer = threading.Timer(max(seconds, 0.0), end)
    timer.daemon = True
    timer.start()
    forget = on_cancel(scope.close)
    try:
        with cancellable(scope):
            yield
    except RequestCancelled as error:
        if late.is_set():
            raise TimeUp(f"It was not done within {seconds:g} s.") from error
        raise
    finally:
        forget()
        timer.cancel()


class WhileConnected:
    """An ASGI application whose work for a client is given up when the client leaves.

    Cancelling the request's task is not enough. Below a synchronous middleware asgiref goes on in a
    task of its own, and a cancellation that comes before this task has begun reaches nothing: the
    view would write its answer to the end, for nobody. What works in the scope is ended wherever it
    runs, and what begins only after that ends at once.
    """

    def __init__(self, application: Callable[..., Awaitable[Any]]) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        client = CancelScope()

        async def watched() -> Any:
            message = await receive()
            if message["type"] in LEFT:
                client.close()
            return message

        with cancellable(client):
            try:
                await self.application(scope, watched, send)
            finally:
                client.close()
