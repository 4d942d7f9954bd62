"""Wake-ups for readers of a run's log: "run X has more", through the channel layer.

Nothing but the hint travels here, so a lost one costs a moment (readers poll as well), never data.
Writers are on runner threads and the in-memory layer is not thread-safe: every send is handed to
an event loop, with that layer to the loops on which somebody listens, else to one of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from uuid import UUID

from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

_listening: Counter[asyncio.AbstractEventLoop] = Counter()
_lock = threading.Lock()


class Notifier:
    """Tell a reader that there may be more; many notices before a wait count as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until the next ring, or for so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        self._event.clear()


def wake(log: UUID | str) -> None:
    """Tell every reader of a log that there is more; from any thread, never blocks. A run's log is
    known by its id, any other by its name."""
    for loop in _loops():
        sending = _send(log)
        try:
            asyncio.run_coroutine_threadsafe(sending, loop)
        except RuntimeError:  # the loop has been closed: nobody listens there any more
            sending.close()


@contextlib.asynccontextmanager
async def listen(log: UUID | str) -> AsyncIterator[Notifier]:
    """Give a notifier for one run, which is also notified once when the subscription stands."""
    loop, notifier = asyncio.get_running_loop(), Notifier()
    with _lock:
        _listening[loop] += 1
    task = asyncio.create_task(_relay(log, notifier))
    try:
        yield notifier
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with _lock:
            _listening[loop] -= 1
            if not _listening[loop]:
                del _listening[loop]


async def _relay(log: UUID | str, notifier: Notifier) -> None:
    """Notify for each message; keep at it when the layer's server goes away."""
    while True:
        try:
            await _subscribe(log, notifier)
        except Exception:
            logger.warning("The channel layer failed; readers poll meanwhile", exc_info=True)
            await asyncio.sleep(RETRY_SECONDS)


async def _subscribe(log: UUID | str, notifier: Notifier) -> None:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    try:
        await layer.group_add(_group(log), channel)
        notifier.notify()
        while True:
            await layer.receive(channel)
            notifier.notify()
    finally:
        await layer.group_discard(_group(log), channel)


async def _send(log: UUID | str) -> None:
    layer: Any = get_channel_layer()
    try:
        await layer.group_send(_group(log), {"type": "run.more"})
    except Exception:
        logger.warning("A wake-up was lost; readers poll meanwhile", exc_info=True)


def _group(log: UUID | str) -> str:
    return f"run.{log}"


def _loops() -> list[asyncio.AbstractEventLoop]:
    if isinstance(get_channel_layer(), InMemoryChannelLayer):
        with _lock:
            return list(_listening)
    return [_own_loop()]


@cache
def _own_loop() -> asyncio.AbstractEventLoop:
    """A loop on a thread of its own: for a layer that reaches other processes."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="wakeups", daemon=True).start()
    return loop
