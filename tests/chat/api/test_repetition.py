"""A circle is ended on every road, and its usage says so; by request it is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from tests.chat.api.conftest import Socket
from tests.chat.api.test_native import HELLO
from tests.chat.asgi import post
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)

CIRCLE = "The sea is calm tonight. " * 100
NATIVE, STREAM = "/api/chat/completions", "/api/chat/completions/stream"
OPENAI, TEXT = "/v1/chat/completions", "/v1/completions"
OFF = {"repetition_guard": False}


async def test_whole_answers(scripted: ScriptedEngine) -> None:
    scripted.reply(CIRCLE)
    body = await (await post(NATIVE, HELLO)).json()
    assert (body["finish_reason"], body["usage"]["stopped_by"]) == ("stop", "repetition")
    assert CIRCLE.startswith(body["message"]["content"])
    assert len(body["message"]["content"]) < len(CIRCLE) / 2


async def test_streams(scripted: ScriptedEngine) -> None:
    scripted.reply(CIRCLE)
    frames = [frame async for frame in (await post(STREAM, HELLO)).frames()]
    assert frames[-1]["finish_reason"] == "stop"
    assert frames[-1]["usage"]["stopped_by"] == "repetition"


async def test_sockets(scripted: ScriptedEngine, socket: Socket) -> None:
    scripted.reply(CIRCLE)
    await socket.send({"type": "chat", **HELLO})
    done = (await socket.until_done())[-1]
    assert (done["finish_reason"], done["usage"]["stopped_by"]) == ("stop", "repetition")


@pytest.mark.parametrize(
    ("url", "body"), [(OPENAI, HELLO), (TEXT, {"prompt": "The sea", "max_tokens": 900})]
)
async def test_the_routes_of_openai(
    scripted: ScriptedEngine, url: str, body: dict[str, Any]
) -> None:
    scripted.reply(CIRCLE)
    answer = await (await post(url, body)).json()
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["stopped_by"] == "repetition"


@pytest.mark.parametrize("url", [NATIVE, OPENAI])
async def test_it_is_off_by_request(scripted: ScriptedEngine, url: str) -> None:
    scripted.reply(CIRCLE)
    body = await (await post(url, HELLO | OFF)).json()
    message = body["message"] if url == NATIVE else body["choices"][0]["message"]
    assert message["content"] == CIRCLE
    assert not body["usage"].get("stopped_by")


async def test_and_by_frame(scripted: ScriptedEngine, socket: Socket) -> None:
    scripted.reply(CIRCLE)
    await socket.send({"type": "chat", **HELLO, **OFF})
    assert (await socket.until_done())[-1]["usage"]["stopped_by"] == ""


@override_settings(REPETITION_GUARD=False)
async def test_it_is_off_by_setting_and_on_by_request(scripted: ScriptedEngine) -> None:
    scripted.reply(CIRCLE)
    body = await (await post(NATIVE, HELLO)).json()
    assert body["message"]["content"] == CIRCLE
    scripted.reply(CIRCLE)
    body = await (await post(NATIVE, HELLO | {"repetition_guard": True})).json()
    assert body["usage"]["stopped_by"] == "repetition"


async def test_it_is_a_flag(scripted: ScriptedEngine) -> None:
    response = await post(NATIVE, HELLO | {"repetition_guard": "off"})
    assert response.status == 400
    assert (await response.json())["error"]["field"] == "repetition_guard"
