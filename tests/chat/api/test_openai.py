"""OpenAI's routes: what reaches the engine, and how its answers are written down."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from common.web import sse
from inference.errors import ContextOverflow, QueueFull, WorkerLost
from inference.types import (
    Constraint,
    PromptMessage,
    Sampling,
    TokenLogprob,
    ToolSpec,
    Usage,
    WrittenCall,
)
from tests.chat.api.test_native import cancelled, message
from tests.chat.asgi import post, request
from tests.scripted import MODEL, ScriptedEngine
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
HELLO: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}]}
PROMPT: dict[str, Any] = {"model": MODEL, "prompt": "Once"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS},
}


async def test_a_chat_completion(scripted: ScriptedEngine) -> None:
    usage = Usage(prompt_tokens=10, cached_tokens=6, completion_tokens=2)
    scripted.reply("Hi there", thinking="Hm.", usage=usage)
    body = await (await post(CHAT, HELLO)).json()
    identifier = scripted.requests[0].id
    assert body == {
        "id": f"chatcmpl-{identifier}",
        "object": "chat.completion",
        "created": body["created"],
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi there",
                    "refusal": None,
                    "reasoning_content": "Hm.",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 6},
        },
    }


async def test_options_reach_the_engine(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    options = {"temperature": 0, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": -1}
    extra = {"stop": ["a", "b"], "max_completion_tokens": 5, "max_tokens": 9, "user": "someone"}
    assert (await post(CHAT, {**HELLO, **options, **extra, "seed": 3})).status == 200
    sent = scripted.requests[0]
    assert sent.sampling == Sampling(**options, seed=3)
    assert (sent.stop, sent.max_tokens, sent.top_logprobs) == (("a", "b"), 5, None)
    assert (sent.tool_choice, sent.parallel_tool_calls, sent.constraint) == ("auto", True, None)


async def test_any_64_bit_seed_is_taken(scripted: ScriptedEngine) -> None:
    for seed in (-1, -(2**63), 2**63 - 1):
        scripted.reply("ok")
        assert (await post(CHAT, {**HELLO, "seed": seed})).status == 200
    assert all(0 <= sent.sampling.seed < 2**63 for sent in scripted.requests)  # type: ignore[operator]


async def test_developer_messages_are_system_messages(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    messages = [{"role": "developer", "content": "Be brief."}, *HELLO["messages"]]
    assert (await post(CHAT, {**HELLO, "messages": messages})).status == 200
    assert scripted.requests[0].messages[0] == PromptMessage("system", "Be brief.")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "weather"}}, "weather"),
    ],
)
async def test_tools_reach_the_engine(
    scripted: ScriptedEngine, choice: object, expected: str
) -> None:
    scripted.reply("ok")
    body = {**HELLO, "tools": [WEATHER], "tool_choice": choice, "parallel_tool_calls": False}
    assert (await post(CHAT, body)).status == 200
    sent = scripted.requests[0]
    assert sent.tools == (ToolSpec("weather", "Tells it.", PARAMETERS),)
    assert (sent.tool_choice, sent.parallel_tool_calls) == (expected, False)


async def test_tool_calls_come_back(scripted: ScriptedEngine) -> None:
    calls = (WrittenCall("a", "weather", '{"city": "Paris"}'), WrittenCall("b", "weather", "{}"))
    scripted.reply("", tool_calls=calls)
    body = await (await post(CHAT, {**HELLO, "tools": [WEATHER]})).json()
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": call.id, "type": "function", "function": {"name": "weather", "arguments": args}}
        for call, args in zip(calls, ('{"city": "Paris"}', "{}"), strict=True)
    ]


async def test_tool_calls_stream_with_numbers(scripted: ScriptedEngine) -> None:
    calls = (WrittenCall("a", "weather", "{}"), WrittenCall("b", "weather", "{}"))
    scripted.reply("Well.", tool_calls=calls)
    response = await post(CHAT, {**HELLO, "tools": [WEATHER], "stream": True})
    chunks = [chunk async for chunk in response.frames()]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[1] == {"content": "Well."}
    numbered = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [(call["index"], call["id"]) for call in numbered] == [(0, "a"), (1, "b")]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
FORMATS = [
    ({"response_format": None}, None),
    ({"response_format": {"type": "text"}}, None),
    ({"response_format": {"type": "json_object"}}, Constraint("json_object")),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": SCHEMA},
            }
        },
        Constraint("json_schema", SCHEMA),
    ),
    ({"guided_grammar": 'start: "a"'}, Constraint("lark", 'start: "a"')),
    ({"guided_grammar": {"lark": 'start: "a"'}}, Constraint("lark", 'start: "a"')),
    ({"guided_grammar": {"regex": "[a-z]+"}}, Constraint("regex", "[a-z]+")),
    ({"guided_grammar": {"choice": ["yes", "no"]}}, Constraint("choice", ["yes", "no"])),
]


@pytest.mark.parametrize(("fields", "expected"), FORMATS)
async def test_formats_become_constraints(
    scripted: ScriptedEngine, fields: dict[str, Any], expected: Constraint | None
) -> None:
    scripted.reply("{}")
    assert (await post(CHAT, {**HELLO, **fields})).status == 200
    assert scripted.requests[0].constraint == expected


async def test_logprobs(scripted: ScriptedEngine) -> None:
    entry = TokenLogprob("é", -0.5, (("é", -0.5), ("e", -1.5)))
    scripted.reply(("é",), logprobs=(entry,))
    body = await (await post(CHAT, {**HELLO, "logprobs": True, "top_logprobs": 2})).json()
    assert scripted.requests[0].top_logprobs == 2
    assert body["choices"][0]["logprobs"]["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [
                {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
                {"token": "e", "logprob": -1.5, "bytes": [101]},
            ],
        }
    ]


async def test_logprobs_alone_ask_for_no_alternatives(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    assert (await post(CHAT, {**HELLO, "logprobs": True})).status == 200
    assert scripted.requests[0].top_logprobs == 0


async def test_a_stream_ends_with_done_and_the_usage_when_asked(scripted: ScriptedEngine) -> None:
    scripted.reply("Hi there", usage=Usage(prompt_tokens=10, completion_tokens=2))
    body = {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    response = await post(CHAT, body, {"accept": "application/json"})
    chunks = [chunk async for chunk in response.frames()]
    assert response.headers["content-type"] == "text/event-stream"
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["total_tokens"] == 12
    assert all(chunk["usage"] is None for chunk in chunks[:-2])
    assert {chunk["id"] for chunk in chunks[:-1]} == {f"chatcmpl-{scripted.requests[0].id}"}
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-2])
    assert text == "Hi there"


async def test_a_long_wait_is_filled_with_comments(
    scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    gate = threading.Event()
    scripted.reply("one two", gate=gate, gate_at=1)
    response = await post(CHAT, {**HELLO, "stream": True})
    seen = b""
    async for piece in response.pieces():
        seen += piece
        if seen.count(b": keep-alive\n\n") == 2:
            gate.set()
    assert seen.count(b": keep-alive\n\n") >= 2
    before, _, after = seen.partition(b": keep-alive\n\n")
    assert b'"one "' in before  # and none is within a chunk
    assert b'"two"' in after
    lines = [line for line in seen.splitlines() if line]
    assert all(line.startswith((b"data: ", b": ")) for line in lines)
    assert lines[-1] == b"data: [DONE]"


async def test_a_stream_has_no_usage_unless_asked(scripted: ScriptedEngine) -> None:
    scripted.reply("Hi")
    response = await post(CHAT, {**HELLO, "stream": True})
    chunks = [chunk async for chunk in response.frames()]
    assert all("usage" not in chunk for chunk in chunks[:-1])


async def test_n_choices_share_a_prompt_and_differ_in_seed(scripted: ScriptedEngine) -> None:
    for number in range(3):
        scripted.reply(f"answer {number}", usage=Usage(prompt_tokens=10, completion_tokens=2))
    body = await (await post(CHAT, {**HELLO, "n": 3, "seed": 7})).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in body["choices"]} == {
        "answer 0",
        "answer 1",
        "answer 2",
    }
    assert sorted(sent.sampling.seed for sent in scripted.requests) == [7, 8, 9]  # type: ignore[type-var]
    assert body["usage"]["prompt_tokens"] == 10
    assert body["usage"]["completion_tokens"] == 6


async def test_n_choices_stream_side_by_side(scripted: ScriptedEngine) -> None:
    for _ in range(2):
        scripted.reply("one two", delay=0.01)
    response = await post(CHAT, {**HELLO, "n": 2, "stream": True})
    chunks = [chunk async for chunk in response.frames()][:-1]
    for index in range(2):
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"].get("content", "") for choice in mine) == "one two"
        assert mine[-1]["finish_reason"] == "stop"


async def test_one_failed_choice_cancels_the_others(scripted: ScriptedEngine) -> None:
    slow = scripted.reply("slow", gate=threading.Event())
    scripted.reply("x", error=WorkerLost("It died."), delay=0.1)
    response = await post(CHAT, {**HELLO, "n": 2})
    assert response.status == 503
    assert slow.started.is_set()
    await asyncio.to_thread(eventually, lambda: not scripted.streams)


async def test_a_text_completion(scripted: ScriptedEngine) -> None:
    entries = (
        TokenLogprob("upon ", -0.1, (("upon ", -0.1),)),
        TokenLogprob("a", -0.2, (("a", -0.2),)),
    )
    usage = Usage(prompt_tokens=1, completion_tokens=2)
    scripted.reply("upon a", logprobs=entries, usage=usage)
    body = await (await post(TEXT, {**PROMPT, "logprobs": 1, "echo": True})).json()
    sent = scripted.requests[0]
    assert (sent.prompt, sent.messages, sent.max_tokens) == ("Once", (), 16)
    assert body["object"] == "text_completion"
    assert body["id"] == f"cmpl-{sent.id}"
    assert body["choices"] == [
        {
            "index": 0,
            "text": "Onceupon a",
            "logprobs": {
                "tokens": ["upon ", "a"],
                "token_logprobs": [-0.1, -0.2],
                "top_logprobs": [{"upon ": -0.1}, {"a": -0.2}],
                "text_offset": [4, 9],
            },
            "finish_reason": "stop",
        }
    ]


async def test_several_prompts_are_answered_in_their_order(scripted: ScriptedEngine) -> None:
    for name in "ab":
        for _ in range(2):
            scripted.reply(f"{name}!", when=lambda sent, name=name: sent.prompt == name)
    body = await (await post(TEXT, {**PROMPT, "prompt": ["a", "b"], "n": 2})).json()
    assert [choice["text"] for choice in body["choices"]] == ["a!", "a!", "b!", "b!"]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]


async def test_a_text_completion_streams(scripted: ScriptedEngine) -> None:
    scripted.reply("upon a")
    response = await post(TEXT, {**PROMPT, "stream": True, "echo": True})
    chunks = [chunk async for chunk in response.frames()]
    assert chunks[-1] == "[DONE]"
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1]) == "Onceupon a"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


DEEP: dict[str, Any] = {}
for _ in range(100):
    DEEP = {"properties": {"x": DEEP}}

BAD = [
    ({"model": MODEL}, "messages"),
    ({**HELLO, "messages": []}, "messages"),
    ({**HELLO, **message(role="robot")}, "messages[0].role"),
    ({**HELLO, "n": 0}, "n"),
    ({**HELLO, "n": 17}, "n"),
    ({**HELLO, "top_logprobs": 2}, "top_logprobs"),
    ({**HELLO, "logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({**HELLO, "logprobs": 3}, "logprobs"),
    ({**HELLO, "tools": "weather"}, "tools"),
    ({**HELLO, "tools": [None]}, "tools[0]"),
    ({**HELLO, "tools": [{"type": "function"}]}, "tools[0].function"),
    ({**HELLO, "tools": [{"type": "retrieval"}]}, "tools[0].type"),
    (
        {**HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]},
        "tools[0].function.name",
    ),
    (
        {**HELLO, "tools": [{"type": "function", "function": {"name": "a", "parameters": 5}}]},
        "tools[0].function.parameters",
    ),
    (
        {**HELLO, "tools": [{"type": "function", "function": {"name": "a", "parameters": DEEP}}]},
        "tools[0].function.parameters",
    ),
    ({**HELLO, "tool_choice": "weather"}, "tool_choice"),
    ({**HELLO, "tool_choice": {"type": "function"}}, "tool_choice"),
    ({**HELLO, "tool_choice": "required"}, "tool_choice"),
    ({**HELLO, "tools": [WEATHER, WEATHER]}, "tools"),
    ({**HELLO, "response_format": "json"}, "response_format"),
    ({**HELLO, "response_format": {"type": "xml"}}, "response_format.type"),
    ({**HELLO, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    (
        {
            **HELLO,
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}},
        },
        "response_format.json_schema.schema",
    ),
    ({**HELLO, "guided_grammar": {"xml": "a"}}, "guided_grammar"),
    ({**HELLO, "guided_grammar": {"regex": 5}}, "guided_grammar"),
    ({**HELLO, "guided_grammar": {"regex": "a", "lark": "b"}}, "guided_grammar"),
    ({**HELLO, "guided_grammar": {"choice": []}}, "guided_grammar"),
    (
        {**HELLO, "guided_grammar": "a", "response_format": {"type": "json_object"}},
        "guided_grammar",
    ),
    ({**HELLO, "stream_options": True}, "stream_options"),
    ({**HELLO, "stream_options": {"include_usage": True}}, "stream_options"),
    ({**HELLO, "stream": False, "stream_options": {}}, "stream_options"),
]
BAD_TEXT = [
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": [1, "a"]}, "prompt[1]"),
    ({"prompt": [1, -1]}, "prompt[1]"),
    ({"prompt": [1, 2.5]}, "prompt[1]"),
    ({"prompt": [[]]}, "prompt[0]"),
    ({"prompt": [[1], ["a"]]}, "prompt[1][0]"),
    ({"prompt": [True]}, "prompt[0]"),
    ({"prompt": [1, 2], "suffix": "the end"}, "suffix"),
    ({**PROMPT, "max_tokens": -1}, "max_tokens"),
    ({"prompt": {"a": 1}}, "prompt"),
    ({**PROMPT, "logprobs": 6}, "logprobs"),
    ({"prompt": ["a"] * 9, "n": 2}, "prompt"),
]
CASES = [(CHAT, *case) for case in BAD] + [(TEXT, *case) for case in BAD_TEXT]


@pytest.mark.parametrize(("url", "body", "param"), CASES)
async def test_what_is_wrong_is_named_as_openai_does(
    scripted: ScriptedEngine, url: str, body: object, param: str
) -> None:
    response = await post(url, body)
    error = (await response.json())["error"]
    assert response.status == 400, error
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert not scripted.requests


async def test_empty_unsupported_fields_do_no_harm(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    body = {
        **HELLO,
        "logit_bias": {},
        "functions": None,
        "suffix": None,
        "store": False,
        "metadata": {"a": "b"},
    }
    assert (await post(CHAT, body)).status == 200


ERRORS = [
    (
        ContextOverflow("Too long.", prompt_tokens=9000, context_length=8192),
        400,
        "invalid_request_error",
        "context_length_exceeded",
    ),
    (QueueFull("Full.", expected_wait=7.2), 503, "server_error", "queue_full"),
    (WorkerLost("It died."), 503, "server_error", "worker_lost"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("error", "status", "kind", "code"), ERRORS)
async def test_engine_errors_have_openais_shape(
    scripted: ScriptedEngine, stream: bool, error: Exception, status: int, kind: str, code: str
) -> None:
    scripted.reply("", error=error)
    response = await post(CHAT, {**HELLO, "stream": stream})
    body = await response.json()
    assert response.status == status
    assert (body["error"]["type"], body["error"]["code"]) == (kind, code)
    told = str(error.retry_after) if error.retry_after else None
    assert response.headers.get("retry-after") == told


async def test_an_error_mid_stream_is_the_last_event(scripted: ScriptedEngine) -> None:
    scripted.reply("some ", error=WorkerLost("It died."))
    response = await post(CHAT, {**HELLO, "stream": True})
    chunks = [chunk async for chunk in response.frames()]
    assert chunks[-1]["error"]["code"] == "worker_lost"


async def test_an_unknown_model_is_a_404(scripted: ScriptedEngine) -> None:
    response = await post(CHAT, {**HELLO, "model": "nobody/nothing"})
    error = (await response.json())["error"]
    assert (response.status, error["code"]) == (404, "model_not_found")


async def test_a_client_that_leaves_cancels_every_choice(scripted: ScriptedEngine) -> None:
    for _ in range(2):
        scripted.reply("one two", gate=threading.Event(), gate_at=1)
    exchange = await post(CHAT, {**HELLO, "n": 2, "stream": True})
    frames = exchange.frames()
    await anext(frames)
    await asyncio.to_thread(scripted.wait_for_requests, 2)
    await exchange.leave()
    await asyncio.to_thread(eventually, lambda: len(scripted.cancelled) == 2)
    assert sorted(scripted.cancelled) == sorted(sent.id for sent in scripted.requests)


async def test_a_client_that_leaves_a_text_completion_cancels_it(scripted: ScriptedEngine) -> None:
    scripted.reply("one two", gate=threading.Event(), gate_at=1)
    exchange = await post(TEXT, {**PROMPT, "stream": True})
    await anext(exchange.frames())
    await exchange.leave()
    await asyncio.to_thread(cancelled, scripted)


async def test_models_are_listed_and_retrieved(scripted: ScriptedEngine) -> None:
    listed = await (await request("GET", "/v1/models")).json()
    assert listed["object"] == "list"
    body = next(model for model in listed["data"] if model["id"] == MODEL)
    assert set(body) == {"id", "object", "created", "owned_by"}
    assert await (await request("GET", f"/v1/models/{MODEL}")).json() == body
    response = await request("GET", "/v1/models/nobody/nothing")
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "model_not_found"
