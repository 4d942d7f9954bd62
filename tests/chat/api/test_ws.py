"""Chats over a WebSocket: /api/chat/ws."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from chat.api.websocket import MAX_CHATS, MAX_FRAME_BYTES
from inference.errors import QueueFull, WorkerLost
from inference.types import Usage
from tests.chat.api.conftest import Socket
from tests.chat.api.test_native import BAD, HELLO, cancelled
from tests.common.test_jsons import nested
from tests.scripted import MODEL, ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)

CHAT = {"type": "chat", **HELLO}


async def test_a_chat_is_answered_word_by_word(scripted: ScriptedEngine, socket: Socket) -> None:
    scripted.reply("Hi there", thinking="Hm.", usage=Usage(prompt_tokens=5, completion_tokens=3))
    await socket.send({**CHAT, "id": "a", "temperature": 0.7})
    frames = await socket.until_done()
    assert frames[0] == {"type": "start", "id": "a", "model": MODEL}
    assert frames[1:4] == [
        {"type": "thinking", "content": "Hm.", "id": "a"},
        {"type": "token", "content": "Hi ", "id": "a"},
        {"type": "token", "content": "there", "id": "a"},
    ]
    assert frames[4]["finish_reason"] == "stop"
    assert frames[4]["usage"]["total_tokens"] == 8


async def test_without_an_id_the_server_gives_one(scripted: ScriptedEngine, socket: Socket) -> None:
    scripted.reply("Hi")
    await socket.send({**CHAT, "id": None})
    frames = await socket.until_done()
    assert len({frame["id"] for frame in frames}) == 1
    assert frames[0]["id"]


async def test_chats_run_side_by_side(scripted: ScriptedEngine, socket: Socket) -> None:
    gate = threading.Event()
    scripted.reply("slow one", gate=gate, gate_at=1)
    await socket.send({**CHAT, "id": "slow"})
    assert (await socket.receive())["type"] == "start"
    assert (await socket.receive())["content"] == "slow "
    scripted.reply("quick")
    await socket.send({**CHAT, "id": "quick"})
    assert {frame["id"] for frame in await socket.until_done()} == {"quick"}
    gate.set()
    assert [frame["id"] for frame in await socket.until_done()] == ["slow", "slow"]


async def test_ping_is_answered_while_a_chat_runs(scripted: ScriptedEngine, socket: Socket) -> None:
    scripted.reply("slow", gate=threading.Event())
    await socket.send({**CHAT, "id": "a"})
    await socket.send({"type": "ping", "id": "p"})
    assert await socket.receive() == {"type": "pong", "id": "p"}


async def test_cancel_ends_one_chat_with_its_usage(
    scripted: ScriptedEngine, socket: Socket
) -> None:
    scripted.reply("one two three", gate=threading.Event(), gate_at=1)
    await socket.send({**CHAT, "id": "a"})
    await socket.receive()
    await socket.receive()
    await socket.send({"type": "cancel", "id": "a"})
    done = (await socket.until_done())[-1]
    assert (done["id"], done["finish_reason"]) == ("a", "cancelled")
    assert done["usage"]["completion_tokens"] == 1
    await asyncio.to_thread(cancelled, scripted)


async def test_cancel_without_an_id_ends_all(scripted: ScriptedEngine, socket: Socket) -> None:
    for name in "ab":
        scripted.reply("one two", gate=threading.Event(), gate_at=1)
        await socket.send({**CHAT, "id": name})
        await socket.receive()
        await socket.receive()
    await socket.send({"type": "cancel"})
    ends = [(await socket.until_done())[-1] for _ in "ab"]
    assert {end["id"] for end in ends} == {"a", "b"}
    assert {end["finish_reason"] for end in ends} == {"cancelled"}


async def test_an_id_may_be_used_again_after_done(scripted: ScriptedEngine, socket: Socket) -> None:
    for _ in range(20):
        scripted.reply("ok")
        await socket.send({**CHAT, "id": "a"})
        assert [frame["type"] for frame in await socket.until_done()] == ["start", "token", "done"]


async def test_at_most_four_chats_at_a_time(scripted: ScriptedEngine, socket: Socket) -> None:
    gate = threading.Event()
    for number in range(MAX_CHATS):
        scripted.reply("x", gate=gate)
        await socket.send({**CHAT, "id": str(number)})
    await socket.send({**CHAT, "id": "one too many"})
    error, done = await socket.until_done()
    assert error["error"]["code"] == "too_many_chats"
    assert (done["id"], done["finish_reason"]) == ("one too many", "error")
    gate.set()
    ends = {(await socket.until_done())[-1]["id"] for _ in range(MAX_CHATS)}
    assert ends == {str(number) for number in range(MAX_CHATS)}


async def test_a_clients_leaving_cancels_its_chats(
    scripted: ScriptedEngine, socket: Socket
) -> None:
    scripted.reply("one two three", gate=threading.Event(), gate_at=1)
    await socket.send({**CHAT, "id": "a"})
    await socket.receive()
    await socket.receive()
    await socket.communicator.disconnect()
    await asyncio.to_thread(cancelled, scripted)


@pytest.mark.parametrize(("body", "field"), [case for case in BAD if isinstance(case[0], dict)])
async def test_a_wrong_chat_is_named_and_done(
    scripted: ScriptedEngine, socket: Socket, body: dict[str, Any], field: str
) -> None:
    await socket.send({**body, "type": "chat", "id": "a"})
    error, done = await socket.until_done()
    assert (error["type"], error["id"]) == ("error", "a")
    assert (error["error"]["code"], error["error"]["field"]) == ("invalid_request", field)
    assert done == {"type": "done", "finish_reason": "error", "usage": None, "id": "a"}
    assert not scripted.requests


@pytest.mark.parametrize("error", [QueueFull("Full."), WorkerLost("It died.")])
async def test_an_engine_error_is_a_frame_and_done(
    scripted: ScriptedEngine, socket: Socket, error: Exception
) -> None:
    scripted.reply("some ", error=error)
    await socket.send({**CHAT, "id": "a"})
    frames = await socket.until_done()
    assert [frame["type"] for frame in frames] == ["start", "token", "error", "done"]
    assert frames[2]["error"]["code"] == error.code


async def test_an_unknown_model_is_an_error(scripted: ScriptedEngine, socket: Socket) -> None:
    await socket.send({**CHAT, "id": "a", "model": "nobody/nothing"})
    frames = await socket.until_done()
    assert [frame["type"] for frame in frames] == ["error", "done"]
    assert frames[0]["error"]["code"] == "model_not_found"


BROKEN = [
    ("{", "invalid_json", None),
    ("", "invalid_json", None),
    ("[" * 100_000, "invalid_json", None),
    ("[]", "invalid_request", None),
    ("5", "invalid_request", None),
    ("null", "invalid_request", None),
    ("{}", "invalid_request", "type"),
    ('{"type": "dance"}', "invalid_request", "type"),
    ('{"type": 5}', "invalid_request", "type"),
    ('{"type": ["chat"]}', "invalid_request", "type"),
    ('{"type": {"chat": 1}}', "invalid_request", "type"),
    ('{"type": "cancel", "id": "nobody"}', "invalid_request", "id"),
    ('{"type": "cancel", "id": 5}', "invalid_request", "id"),
    ('{"type": "cancel", "id": {}}', "invalid_request", "id"),
    ('{"type": "ping", "padding": "' + "x" * MAX_FRAME_BYTES + '"}', "frame_too_large", None),
    (b"\x00\x01", "invalid_request", None),
    (b"", "invalid_request", None),
]


@pytest.mark.parametrize(("raw", "code", "field"), BROKEN)
async def test_a_broken_frame_is_an_error_and_the_socket_stays_open(
    scripted: ScriptedEngine, socket: Socket, raw: str | bytes, code: str, field: str | None
) -> None:
    kind = "bytes" if isinstance(raw, bytes) else "text"
    await socket.communicator.send_input({"type": "websocket.receive", kind: raw})
    frame = await socket.receive()
    assert frame["type"] == "error"
    assert (frame["error"]["code"], frame["error"].get("field")) == (code, field)
    await socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


@pytest.mark.parametrize("chat_id", [5, "", "x" * 129, ["a"], {}, True])
async def test_a_wrong_id_is_named(
    scripted: ScriptedEngine, socket: Socket, chat_id: object
) -> None:
    await socket.send({**CHAT, "id": chat_id})
    error, done = await socket.until_done()
    assert error["error"]["field"] == "id"
    assert done["finish_reason"] == "error"


async def test_an_id_in_use_is_refused_without_touching_its_chat(
    scripted: ScriptedEngine, socket: Socket
) -> None:
    gate = threading.Event()
    scripted.reply("one two", gate=gate, gate_at=1)
    await socket.send({**CHAT, "id": "a"})
    await socket.receive()
    await socket.receive()
    await socket.send({**CHAT, "id": "a"})
    refusal = await socket.receive()
    assert refusal["error"]["field"] == "id"
    assert "id" not in refusal
    gate.set()
    assert [frame["type"] for frame in await socket.until_done()] == ["token", "done"]


async def test_frames_that_are_nested_too_deeply_are_refused_in_words(
    scripted: ScriptedEngine, socket: Socket
) -> None:
    for depth in (101, 500, 5_000, 100_000):
        frame = f'{{"type": "chat", "messages": {nested(depth - 1)}}}'
        await socket.communicator.send_to(text_data=frame)
        answer = await socket.receive()
        assert answer["type"] == "error"
        assert "nested deeper than 100 levels" in answer["error"]["message"]
    await socket.communicator.send_to(text_data='\N{ZERO WIDTH NO-BREAK SPACE}{"type": "ping"}')
    assert (await socket.receive())["type"] == "pong"
