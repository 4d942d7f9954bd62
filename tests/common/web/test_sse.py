"""Server-sent events as they stand on the wire."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from common.web import sse


async def given(*items: Any, after: float = 0.0) -> AsyncGenerator[Any]:
    for item in items:
        await asyncio.sleep(after)
        yield item


def test_a_frame_carries_what_it_is_given() -> None:
    assert sse.frame({"a": "line\nbreak"}) == 'data: {"a": "line\\nbreak"}\n\n'
    assert sse.frame("[DONE]") == "data: [DONE]\n\n"
    assert sse.frame({}, event="text", id=0) == "id: 0\nevent: text\ndata: {}\n\n"


async def test_a_stream_is_neither_kept_nor_changed_on_its_way() -> None:
    response = sse.stream_response(sse.written(given({"a": 1}, None)), {"X-Run-Id": "7"})
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache, no-transform"
    assert response["X-Accel-Buffering"] == "no"
    assert response["X-Run-Id"] == "7"
    pieces = [piece async for piece in response]
    assert pieces == [b'data: {"a": 1}\n\n', b": keep-alive\n\n"]


async def test_silence_is_filled_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    items = [item async for item in sse.heartbeats(given("a", "b", after=0.1))]
    assert None in items
    assert [item for item in items if item] == ["a", "b"]


async def test_no_heartbeat_where_there_is_no_silence() -> None:
    assert [item async for item in sse.heartbeats(given(1, 2))] == [1, 2]


async def test_leaving_closes_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[str]:
        try:
            await asyncio.Event().wait()
            yield json.dumps({})
        finally:
            closed.set()

    beats = sse.heartbeats(endless())
    assert await anext(beats) is None
    await beats.aclose()
    assert closed.is_set()


async def test_an_error_that_nobody_is_left_to_hear_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    ends = asyncio.Event()

    async def broken() -> AsyncGenerator[str]:
        await ends.wait()
        raise RuntimeError("the client has left")
        yield ""

    beats = sse.heartbeats(broken())
    assert await anext(beats) is None
    ends.set()
    await asyncio.sleep(0.05)  # it fails between two looks
    await beats.aclose()
    del beats
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
