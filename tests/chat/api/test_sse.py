"""Streams of server-sent events: /api/chat/completions/stream."""

from __future__ import annotations

import asyncio
import threading

import pytest

from common.web import sse
from inference.errors import GenerationFailed, WorkerLost
from inference.types import Usage
from tests.chat.api.test_native import HELLO, cancelled
from tests.chat.asgi import post, start
from tests.scripted import MODEL, ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/chat/completions/stream"


async def test_streams_start_thinking_tokens_done(scripted: ScriptedEngine) -> None:
    scripted.reply("Hi there", thinking="Hm.", usage=Usage(prompt_tokens=5, completion_tokens=3))
    response = await post(URL, HELLO)
    frames = [frame async for frame in response.frames()]
    assert response.status == 200
    assert frames[0] == {"type": "start", "id": scripted.requests[0].id, "model": MODEL}
    assert frames[1:4] == [
        {"type": "thinking", "content": "Hm."},
        {"type": "token", "content": "Hi "},
        {"type": "token", "content": "there"},
    ]
    assert frames[4]["type"] == "done"
    assert frames[4]["finish_reason"] == "stop"
    assert frames[4]["usage"]["total_tokens"] == 8
    assert len(frames) == 5


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*", "application/json", "text/html"])
async def test_the_stream_is_an_event_stream_whatever_is_accepted(
    scripted: ScriptedEngine, accept: str
) -> None:
    scripted.reply("ok")
    response = await post(URL, HELLO, {"accept": accept})
    await response.read()
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    assert "no-cache" in response.headers["cache-control"]
    assert "content-length" not in response.headers


async def test_the_plain_route_streams_when_the_body_asks_for_it(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    response = await post("/api/chat/completions", {**HELLO, "stream": True})
    kinds = [frame["type"] async for frame in response.frames()]
    assert kinds == ["start", "token", "done"]


async def test_each_token_is_sent_when_it_is_there(scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("one two", gate=gate, gate_at=1)
    frames = (await post(URL, HELLO)).frames()
    assert (await anext(frames))["type"] == "start"
    assert (await anext(frames))["content"] == "one "
    gate.set()
    assert (await anext(frames))["content"] == "two"
    assert (await anext(frames))["type"] == "done"


@pytest.mark.parametrize("error", [WorkerLost("It died."), GenerationFailed("It broke.")])
async def test_an_error_after_the_first_token_is_a_frame_and_then_done(
    scripted: ScriptedEngine, error: Exception
) -> None:
    scripted.reply("some ", error=error)
    response = await post(URL, HELLO)
    frames = [frame async for frame in response.frames()]
    assert response.status == 200
    assert [frame["type"] for frame in frames] == ["start", "token", "error", "done"]
    assert frames[2]["error"]["code"] == error.code
    assert frames[2]["error"]["message"] == str(error)
    assert frames[3] == {"type": "done", "finish_reason": "error", "usage": None}


async def test_a_stream_that_ends_without_a_word_still_ends_with_done(
    scripted: ScriptedEngine,
) -> None:
    reply = scripted.reply("one", gate=threading.Event())
    exchange = await start("POST", URL, HELLO)
    await asyncio.to_thread(reply.started.wait, 10)
    scripted.unload()
    frames = [frame async for frame in (await exchange.begin()).frames()]
    assert exchange.status == 200
    assert frames[-1] == {"type": "done", "finish_reason": "error", "usage": None}


async def test_a_client_that_leaves_mid_stream_cancels(scripted: ScriptedEngine) -> None:
    scripted.reply("one two three", gate=threading.Event(), gate_at=1)
    exchange = await post(URL, HELLO)
    frames = exchange.frames()
    await anext(frames)
    await anext(frames)
    await exchange.leave()
    await asyncio.to_thread(cancelled, scripted)


async def test_a_client_that_leaves_before_the_first_token_cancels(
    scripted: ScriptedEngine,
) -> None:
    reply = scripted.reply("one", gate=threading.Event())
    exchange = await start("POST", URL, HELLO)
    await asyncio.to_thread(reply.started.wait, 10)
    await exchange.leave()
    await asyncio.to_thread(cancelled, scripted)


async def test_a_long_wait_is_filled_with_comments(
    scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    gate = threading.Event()
    scripted.reply("Paris", gate=gate)
    pieces = (await post(URL, HELLO)).pieces()
    assert b'"start"' in await anext(pieces)
    assert await anext(pieces) == b": keep-alive\n\n"
    gate.set()
    rest = b"".join([piece async for piece in pieces])
    assert b'"Paris"' in rest
    assert rest.rstrip().splitlines()[-1].startswith(b'data: {"type": "done"')


async def test_many_streams_at_once_stay_apart(scripted: ScriptedEngine) -> None:
    def reply(number: int) -> None:
        text = f"word{number} " * 20
        scripted.reply(text, when=lambda r: r.messages[-1].content == f"say {number}", delay=0.001)

    for number in range(8):
        reply(number)

    async def ask(number: int) -> str:
        body = {"messages": [{"role": "user", "content": f"say {number}"}]}
        frames = (await post(URL, body)).frames()
        return "".join([frame.get("content", "") async for frame in frames])

    texts = await asyncio.gather(*(ask(number) for number in range(8)))
    assert texts == [f"word{number} " * 20 for number in range(8)]
