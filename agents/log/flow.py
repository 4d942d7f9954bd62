"""Flow control on a WebSocket: the client says what it has taken, so nothing piles up for it."""

from __future__ import annotations

import asyncio

WINDOW = 32  # frames that may be on their way
PATIENCE_SECONDS = 60.0  # how long a full window may stay without any word from the client


class Window:
    """Counts the frames that were sent and not yet acknowledged."""

    def __init__(self) -> None:
        self._open = 0
        self._room = asyncio.Event()

    async def take(self) -> None:
        """Wait until one more frame may be sent. Raises TimeoutError when no room comes."""
        while self._open >= WINDOW:
            self._room.clear()
            await asyncio.wait_for(self._room.wait(), PATIENCE_SECONDS)
        self._open += 1

    def acknowledge(self) -> None:
        """Note that the client has taken a frame; one more than was sent changes nothing."""
        self._open = max(0, self._open - 1)
        self._room.set()
