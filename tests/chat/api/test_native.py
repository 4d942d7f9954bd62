"""Whole answers: /api/chat/completions and /ask."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.test import override_settings

from inference.errors import ContextOverflow, GenerationFailed, QueueFull, WorkerLost
from inference.types import MOST_STOPS, PromptMessage, Sampling, Usage, WrittenCall
from tests.chat.asgi import post, start
from tests.scripted import MODEL, ScriptedEngine
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}


async def test_answers_with_the_message_and_what_belongs_to_it(scripted: ScriptedEngine) -> None:
    usage = Usage(prompt_tokens=12, cached_tokens=4, completion_tokens=2, decode_seconds=0.25)
    scripted.reply("Hi there", thinking="A greeting.", usage=usage)
    response = await post(URL, HELLO)
    body = await response.json()
    assert response.status == 200
    assert body["message"] == {
        "role": "assistant",
        "content": "Hi there",
        "thinking": "A greeting.",
    }
    assert body["model"] == MODEL
    assert body["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == 14
    assert body["usage"]["cached_tokens"] == 4
    assert body["usage"]["decode_seconds"] == 0.25
    assert body["id"] == scripted.requests[0].id
    assert isinstance(body["created"], int)


async def test_every_option_reaches_the_engine(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    options = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 40,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "seed": 7,
    }
    body = {**HELLO, **options, "model": MODEL, "max_tokens": 9, "stop": "END", "unknown": [1]}
    assert (await post(URL, body)).status == 200
    request = scripted.requests[0]
    assert request.sampling == Sampling(**options)
    assert (request.model, request.max_tokens, request.stop) == (MODEL, 9, ("END",))
    assert request.owner.isdigit()


@override_settings(DEFAULT_TEMPERATURE=0.3, DEFAULT_TOP_P=0.8, DEFAULT_MAX_TOKENS=77)
async def test_what_is_missing_or_null_has_the_servers_defaults(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    assert (await post(URL, {**HELLO, "temperature": None, "stop": None})).status == 200
    request = scripted.requests[0]
    assert request.sampling == Sampling(temperature=0.3, top_p=0.8)
    assert request.max_tokens == 77


async def test_top_p_0_leaves_the_likeliest_token(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    assert (await post(URL, {**HELLO, "top_p": 0})).status == 200
    assert 0 < scripted.requests[0].sampling.top_p < 1e-3


async def test_messages_keep_roles_parts_and_tool_calls(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    messages = [
        {"role": "system", "content": " Be brief. "},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "3", "tool_call_id": "c1"},
    ]
    assert (await post(URL, {"messages": messages})).status == 200
    assert scripted.requests[0].messages == (
        PromptMessage("system", " Be brief. "),
        PromptMessage("user", "one two"),
        PromptMessage("assistant", "", tool_calls=(WrittenCall("c1", "add", "{}"),)),
        PromptMessage("tool", "3", tool_call_id="c1"),
    )


async def test_ask_gives_the_answer_alone(scripted: ScriptedEngine) -> None:
    scripted.reply("It is a field.")
    response = await post("/ask", {"question": "What is machine learning?", "max_tokens": 1000})
    assert (response.status, await response.json()) == (200, {"answer": "It is a field."})
    assert scripted.requests[0].messages == (PromptMessage("user", "What is machine learning?"),)
    assert scripted.requests[0].max_tokens == 1000


async def test_ask_without_max_tokens_asks_for_128000(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    assert (await post("/ask", {"question": "Why?"})).status == 200
    assert scripted.requests[0].max_tokens == 128_000


def message(**fields: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "Hi", **fields}]}


BAD = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": "Hello"}, "messages"),
    ({"messages": {"role": "user"}}, "messages"),
    ({"messages": [[]]}, "messages.0"),
    ({"messages": ["Hello"]}, "messages.0"),
    ({"messages": [None]}, "messages.0"),
    ({"messages": [HELLO["messages"][0], {"role": "robot", "content": "Hi"}]}, "messages.1.role"),
    (message(role=None), "messages.0.role"),
    (message(role=["user"]), "messages.0.role"),
    (message(role={}), "messages.0.role"),
    (message(content=None), "messages.0.content"),
    (message(content=5), "messages.0.content"),
    (message(content={}), "messages.0.content"),
    (message(content=True), "messages.0.content"),
    (message(content=["Hi"]), "messages.0.content.0"),
    (message(content=[{"type": "image_url", "image_url": {}}]), "messages.0.content.0.type"),
    (message(content=[{"type": "text", "text": 1}]), "messages.0.content.0.text"),
    (message(content="nul \0"), "messages.0.content"),
    (message(content="\ud800"), "messages.0.content"),
    (message(tool_calls="x"), "messages.0.tool_calls"),
    (message(tool_calls=[None]), "messages.0.tool_calls.0"),
    (message(tool_calls=[{"id": "a"}]), "messages.0.tool_calls.0.function"),
    ({**HELLO, "temperature": -0.1}, "temperature"),
    ({**HELLO, "temperature": 2.1}, "temperature"),
    ({**HELLO, "temperature": "0.7"}, "temperature"),
    ({**HELLO, "temperature": True}, "temperature"),
    ({**HELLO, "temperature": 10**400}, "temperature"),
    ({**HELLO, "temperature": [0.5]}, "temperature"),
    ({**HELLO, "top_p": 1.01}, "top_p"),
    ({**HELLO, "top_p": -1}, "top_p"),
    ({**HELLO, "top_k": -1}, "top_k"),
    ({**HELLO, "top_k": 1.5}, "top_k"),
    ({**HELLO, "top_k": 10**30}, "top_k"),
    ({**HELLO, "min_p": 7}, "min_p"),
    ({**HELLO, "repetition_penalty": 0}, "repetition_penalty"),
    ({**HELLO, "presence_penalty": -3}, "presence_penalty"),
    ({**HELLO, "frequency_penalty": 3}, "frequency_penalty"),
    ({**HELLO, "max_tokens": 0}, "max_tokens"),
    ({**HELLO, "max_tokens": -5}, "max_tokens"),
    ({**HELLO, "max_tokens": "50"}, "max_tokens"),
    ({**HELLO, "max_tokens": True}, "max_tokens"),
    ({**HELLO, "seed": "x"}, "seed"),
    ({**HELLO, "seed": 2**70}, "seed"),
    ({**HELLO, "stop": ""}, "stop"),
    ({**HELLO, "stop": 5}, "stop"),
    ({**HELLO, "stop": ["a", 5]}, "stop.1"),
    ({**HELLO, "stop": ["a"] * (MOST_STOPS + 1)}, "stop"),
    ({**HELLO, "stream": "yes"}, "stream"),
    ({**HELLO, "model": 5}, "model"),
    ({**HELLO, "model": "x" * 300}, "model"),
    ([], None),
    ("Hello", None),
    (5, None),
    (None, None),
]


@pytest.mark.parametrize("url", [URL, f"{URL}/stream"])
@pytest.mark.parametrize(("body", "field"), BAD)
async def test_what_is_wrong_is_named(
    scripted: ScriptedEngine, url: str, body: object, field: str | None
) -> None:
    raw = b"null" if body is None else body
    response = await post(url, raw)
    error = (await response.json())["error"]
    assert response.status == 400, error
    assert error["code"] == "invalid_request"
    assert error.get("field") == field
    assert error["message"]
    assert not scripted.requests


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": 5}, "question"),
        ({"question": ["Why?"]}, "question"),
        ({"question": "Why?", "max_tokens": 0}, "max_tokens"),
        ({"question": "Why?", "max_tokens": "many"}, "max_tokens"),
    ],
)
async def test_a_bad_question_is_named(scripted: ScriptedEngine, body: object, field: str) -> None:
    response = await post("/ask", body)
    error = (await response.json())["error"]
    assert (response.status, error["code"], error["field"]) == (400, "invalid_request", field)


BROKEN = [b"{", b"\xff\xfe", b'{"messages": NaN}', b"[" * 100_000, b"1" * 5000]


@pytest.mark.parametrize("raw", BROKEN, ids=["cut", "bytes", "nan", "deep", "digits"])
async def test_broken_json_is_a_400(scripted: ScriptedEngine, raw: bytes) -> None:
    response = await post(URL, raw)
    assert response.status == 400
    assert (await response.json())["error"]["code"] == "invalid_json"


async def test_another_content_type_is_a_415(scripted: ScriptedEngine) -> None:
    response = await post(URL, b"messages=Hello", {"content-type": "text/plain"})
    assert response.status == 415
    assert (await response.json())["error"]["code"] == "unsupported_media_type"


async def test_ten_megabytes_are_a_413(scripted: ScriptedEngine) -> None:
    response = await post(URL, message(content="x" * 10_000_000))
    assert response.status == 413
    assert (await response.json())["error"]["code"] == "body_too_large"


async def test_another_method_is_a_405(scripted: ScriptedEngine) -> None:
    response = await (await start("GET", URL)).begin()
    assert response.status == 405
    assert (await response.json())["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("url", [URL, f"{URL}/stream"])
@pytest.mark.parametrize("model", ["nobody/nothing", "../../etc", "/etc/passwd", "é", "a" * 255])
async def test_an_unknown_model_is_a_404_or_named(
    scripted: ScriptedEngine, url: str, model: str
) -> None:
    response = await post(url, {**HELLO, "model": model})
    assert response.status in (400, 404)
    error = (await response.json())["error"]
    assert error["code"] in ("model_not_found", "invalid_request")
    if model == "nobody/nothing":
        assert response.status == 404


ERRORS = [
    (ContextOverflow("Too long.", prompt_tokens=9000, context_length=8192), 422, None),
    (QueueFull("64 requests are waiting already.", queued=64, expected_wait=7.2), 503, "8"),
    (WorkerLost("The model's process ended."), 503, "2"),
]


@pytest.mark.parametrize("url", [URL, f"{URL}/stream"])
@pytest.mark.parametrize(("error", "status", "retry_after"), ERRORS)
async def test_errors_before_the_first_token_have_their_status(
    scripted: ScriptedEngine, url: str, error: Exception, status: int, retry_after: str | None
) -> None:
    scripted.reply("", error=error)
    response = await post(url, HELLO, {"accept": "text/event-stream"})
    body = await response.json()
    assert response.status == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers.get("retry-after") == retry_after
    assert body["error"]["code"] == error.code
    assert body["error"].get("details", {}) == error.details


async def test_a_failure_inside_is_a_500_with_an_id_that_is_logged(
    scripted: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.reply("some ", error=GenerationFailed("It broke."))
    response = await post(URL, HELLO)
    error = (await response.json())["error"]
    assert response.status == 500
    assert error["id"] in caplog.text


async def test_a_client_that_leaves_cancels_its_generation(scripted: ScriptedEngine) -> None:
    reply = scripted.reply("one two three", gate=threading.Event(), gate_at=1)
    exchange = await start("POST", URL, HELLO)
    await asyncio.to_thread(reply.started.wait, 10)
    await exchange.leave()
    await asyncio.to_thread(cancelled, scripted)


def cancelled(engine: ScriptedEngine) -> None:
    """Wait until the engine has been told to drop its only request."""
    eventually(lambda: engine.cancelled)
    assert engine.cancelled == [engine.requests[0].id]
    assert not engine.streams
