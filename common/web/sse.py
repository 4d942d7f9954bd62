"""Server-sent events: their headers, their framing, their heartbeats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from django.http import StreamingHttpResponse

from common.types import JSON

T = TypeVar("T")

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
KEEP_ALIVE = ": keep-alive\n\n"  # a comment, which clients skip
KEEP_ALIVE_SECONDS = 5.0  # after so long in silence, the client hears that we still work


def stream_response(
    frames: AsyncIterator[str], headers: dict[str, str] | None = None
) -> StreamingHttpResponse:
    """Answer with frames as they come; no proxy may hold them back or change them."""
    return StreamingHttpResponse(
        frames, content_type=MEDIA_TYPE, headers={**HEADERS, **(headers or {})}
    )


def frame(data: JSON | str, *, event: str = "", id: int | None = None) -> str:
    """Write one event; a text is sent as it is and must be a single line."""
    lines = [] if id is None else [f"id: {id}"]
    lines += [f"event: {event}"] if event else []
    lines += [f"data: {data if isinstance(data, str) else json.dumps(data)}"]
    return "\n".join(lines) + "\n\n"


async def written(items: AsyncIterator[JSON | None]) -> AsyncGenerator[str]:
    """Write each item as an event, and a heartbeat for None."""
    async for item in items:
        yield KEEP_ALIVE if item is None else frame(item)


async def heartbeats(items: AsyncGenerator[T]) -> AsyncGenerator[T | None]:
    """Hand on the items, and None whenever KEEP_ALIVE_SECONDS went by without one."""
    pending: asyncio.Future[T] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(anext(items))
            pending.add_done_callback(_noticed)
            while not (await asyncio.wait({pending}, timeout=KEEP_ALIVE_SECONDS))[0]:
                yield None
            try:
                item = pending.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        if pending is not None and not pending.done():
            pending.cancel()
            await asyncio.wait({pending})
        await items.aclose()


def _noticed(done: asyncio.Future[T]) -> None:
    """A reader that has left does not hear of an error, and asyncio need not complain of that."""
    if not done.cancelled():
        done.exception()
