"""Other servers' ways of asking, on OpenAI's routes: what reaches the engine, what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.library import embedded
from inference.types import Constraint, TokenLogprob, ToolSpec, WrittenCall
from tests.chat.api.test_openai import CHAT, HELLO, PARAMETERS, PROMPT, TEXT, WEATHER
from tests.chat.asgi import post, request
from tests.scripted import MODEL, ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
GBNF = 'root ::= "yes" | "no"'
OF_SCHEMA = Constraint("json_schema", SCHEMA)
FORMS: list[tuple[dict[str, Any], Constraint]] = [
    ({"guided_json": SCHEMA}, OF_SCHEMA),
    ({"guided_json": json.dumps(SCHEMA)}, OF_SCHEMA),
    ({"guided_choice": ["yes", "no"]}, Constraint("choice", ["yes", "no"])),
    ({"guided_regex": "[0-9]+"}, Constraint("regex", "[0-9]+")),
    ({"guided_grammar": GBNF}, Constraint("lark", GBNF)),
    ({"structured_outputs": {"json": SCHEMA}}, OF_SCHEMA),
    ({"structured_outputs": {"json": json.dumps(SCHEMA), "regex": None}}, OF_SCHEMA),
    ({"structured_outputs": {"choice": ["a"]}}, Constraint("choice", ["a"])),
    ({"structured_outputs": {"regex": "a+"}}, Constraint("regex", "a+")),
    ({"structured_outputs": {"grammar": GBNF}}, Constraint("lark", GBNF)),
    ({"structured_outputs": {"json_object": True}}, Constraint("json_object")),
    ({"grammar": GBNF}, Constraint("lark", GBNF)),
    ({"ebnf": GBNF}, Constraint("lark", GBNF)),
    ({"regex": "a+"}, Constraint("regex", "a+")),
    ({"json_schema": SCHEMA}, OF_SCHEMA),
    ({"json_schema": json.dumps(SCHEMA)}, OF_SCHEMA),
    ({"json_schema": {"name": "x", "schema": SCHEMA}}, OF_SCHEMA),
    ({"response_format": {"type": "json_object", "schema": SCHEMA}}, OF_SCHEMA),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": False, "schema": SCHEMA},
            }
        },
        Constraint("json_schema", SCHEMA, strict=False),
    ),
]


@pytest.mark.parametrize(("url", "body"), [(CHAT, HELLO), (TEXT, PROMPT)])
@pytest.mark.parametrize(("fields", "expected"), FORMS)
async def test_every_way_becomes_a_constraint(
    scripted: ScriptedEngine,
    url: str,
    body: dict[str, Any],
    fields: dict[str, Any],
    expected: Constraint,
) -> None:
    scripted.reply("{}")
    response = await post(url, {**body, **fields})
    assert response.status == 200, await response.json()
    assert scripted.requests[0].constraint == expected


BAD: list[tuple[dict[str, Any], str]] = [
    ({"guided_json": "{"}, "guided_json"),
    ({"guided_json": 5}, "guided_json"),
    ({"guided_choice": []}, "guided_choice"),
    ({"guided_choice": ["a", 5]}, "guided_choice[1]"),
    ({"guided_regex": ""}, "guided_regex"),
    ({"structured_outputs": {}}, "structured_outputs"),
    ({"structured_outputs": "json"}, "structured_outputs"),
    ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs"),
    ({"structured_outputs": {"regex": 5}}, "structured_outputs.regex"),
    ({"structured_outputs": {"structural_tag": {}}}, "structured_outputs.structural_tag"),
    ({"grammar": 5}, "grammar"),
    ({"json_schema": [1]}, "json_schema"),
    ({"guided_json": SCHEMA, "guided_regex": "a"}, "guided_regex"),
    ({"grammar": GBNF, "response_format": {"type": "json_object"}}, "grammar"),
    ({"response_format": {"type": "json_object", "schema": 5}}, "response_format.schema"),
    ({"logit_bias": [1]}, "logit_bias"),
    ({"logit_bias": {"a": 1}}, "logit_bias"),
    ({"logit_bias": {"-1": 1}}, "logit_bias"),
    ({"logit_bias": {"²": 1}}, "logit_bias"),
    ({"logit_bias": {"99999999999": 1}}, "logit_bias"),
    ({"logit_bias": {"5": 101}}, "logit_bias"),
    ({"logit_bias": {"5": "1"}}, "logit_bias"),
    ({"logit_bias": {str(n): 1 for n in range(2000)}}, "logit_bias"),
]


@pytest.mark.parametrize(("fields", "param"), BAD)
async def test_what_is_wrong_is_named(
    scripted: ScriptedEngine, fields: dict[str, Any], param: str
) -> None:
    response = await post(CHAT, {**HELLO, **fields})
    error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, param), error
    assert not scripted.requests


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"guided_json": {"const": 2**60}}, "guided_json.const"),
        ({"structured_outputs": {"json": {"const": 2**60}}}, "structured_outputs.json.const"),
        ({"json_schema": {"enum": [-(2**63)]}}, "json_schema.enum"),
        (
            {"response_format": {"type": "json_object", "schema": {"const": 2**60}}},
            "response_format.schema.const",
        ),
    ],
)
async def test_a_schema_that_cannot_be_kept_is_named_as_it_was_asked(
    db: None, fields: dict[str, Any], param: str
) -> None:
    response = await post(CHAT, {**HELLO, "model": embedded.MODEL, **fields})
    assert (response.status, (await response.json())["error"]["param"]) == (400, param)


async def test_a_bias_reaches_the_engine(scripted: ScriptedEngine) -> None:
    scripted.reply("ok")
    assert (await post(CHAT, {**HELLO, "logit_bias": {"5": -100, "07": 1.5}})).status == 200
    assert scripted.requests[0].logit_bias == ((5, -100.0), (7, 1.5))


@pytest.mark.parametrize("name", ["", "default", "cortex", "Default"])
async def test_names_of_the_default_model(scripted: ScriptedEngine, name: str) -> None:
    scripted.reply("ok")
    body = await (await post(CHAT, {**HELLO, "model": name})).json()
    assert body["model"] == MODEL
    scripted.reply("ok")
    assert (await post(TEXT, {**PROMPT, "model": name})).status == 200
    if name:
        assert (await (await request("GET", f"/v1/models/{name}")).json())["id"] == MODEL


# --- Prompts -------------------------------------------------------------------------------------


async def test_prompts_may_be_tokens(scripted: ScriptedEngine) -> None:
    scripted.reply("a")
    assert (await post(TEXT, {**PROMPT, "prompt": [1, 2, 3]})).status == 200
    for _ in range(2):
        scripted.reply("b")
    assert (await post(TEXT, {**PROMPT, "prompt": [[1], [2, 3]]})).status == 200
    sent = [(each.prompt, each.prompt_tokens) for each in scripted.requests]
    assert sent[0] == (None, (1, 2, 3))
    assert sorted(sent[1:]) == [(None, (1,)), (None, (2, 3))]


async def test_a_suffix_reaches_the_engine(scripted: ScriptedEngine) -> None:
    scripted.reply("a")
    assert (await post(TEXT, {**PROMPT, "suffix": " end"})).status == 200
    assert scripted.requests[0].suffix == " end"


async def test_no_tokens_are_none_and_not_the_default(scripted: ScriptedEngine) -> None:
    scripted.reply("", finish_reason="length")
    body = await (await post(TEXT, {**PROMPT, "max_tokens": 0, "echo": True})).json()
    assert scripted.requests[0].max_tokens == 0
    assert body["choices"][0]["text"] == "Once"


# --- Likelihoods ---------------------------------------------------------------------------------


async def test_the_chosen_token_is_always_among_the_likeliest(scripted: ScriptedEngine) -> None:
    scripted.reply("a", logprobs=(TokenLogprob("a", -0.5),))
    body = await (await post(TEXT, {**PROMPT, "logprobs": 0})).json()
    assert scripted.requests[0].top_logprobs == 0
    assert body["choices"][0]["logprobs"]["top_logprobs"] == [{"a": -0.5}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("url", "body"), [(CHAT, {**HELLO, "logprobs": True}), (TEXT, {**PROMPT, "logprobs": 2})]
)
async def test_likelihoods_that_were_asked_for_are_never_null(
    scripted: ScriptedEngine, url: str, body: dict[str, Any], stream: bool
) -> None:
    scripted.reply("a ", logprobs=())
    response = await post(url, {**body, "stream": stream})
    if stream:
        chunks = [chunk async for chunk in response.frames()][:-1]
    else:
        chunks = [await response.json()]
    for chunk in chunks:
        assert chunk["choices"][0]["logprobs"] is not None


async def test_likelihoods_that_nobody_asked_for_are_null(scripted: ScriptedEngine) -> None:
    scripted.reply("a", logprobs=(TokenLogprob("a", -0.5),))
    body = await (await post(TEXT, PROMPT)).json()
    assert body["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("stream", [False, True])
async def test_an_echo_tells_how_likely_the_prompt_was(
    scripted: ScriptedEngine, stream: bool
) -> None:
    told = (TokenLogprob("On", None), TokenLogprob("ce", -0.25, (("ce", -0.25),)))
    upon = (TokenLogprob(" upon", -0.5),)
    scripted.reply((" upon",), logprobs=upon, prompt_logprobs=told)
    response = await post(TEXT, {**PROMPT, "echo": True, "logprobs": 0, "stream": stream})
    assert scripted.requests[0].prompt_logprobs
    if stream:
        pieces = [chunk["choices"][0] async for chunk in response.frames() if chunk != "[DONE]"]
    else:
        pieces = (await response.json())["choices"]
    assert "".join(piece["text"] for piece in pieces) == "Once upon"
    columns: dict[str, list[Any]] = {}
    for piece in pieces:
        for name, values in piece["logprobs"].items():
            columns.setdefault(name, []).extend(values)
    assert columns == {
        "tokens": ["On", "ce", " upon"],
        "token_logprobs": [None, -0.25, -0.5],
        "top_logprobs": [None, {"ce": -0.25}, {" upon": -0.5}],
        "text_offset": [0, 2, 4],
    }


async def test_an_echo_of_tokens_is_told_by_the_engine(scripted: ScriptedEngine) -> None:
    scripted.reply(" upon")
    response = await post(TEXT, {**PROMPT, "prompt": [7], "echo": True, "stream": True})
    pieces = [chunk["choices"][0] async for chunk in response.frames() if chunk != "[DONE]"]
    assert scripted.requests[0].echo_prompt
    assert "".join(piece["text"] for piece in pieces) == "<7> upon"


# --- Calls ---------------------------------------------------------------------------------------


async def test_a_call_that_breaks_its_schema_is_told(scripted: ScriptedEngine) -> None:
    call = WrittenCall("a", "weather", "{}", fault="arguments: too few")
    sound = WrittenCall("b", "weather", "{}")
    scripted.reply("", tool_calls=(call, sound))
    body = await (await post(CHAT, {**HELLO, "tools": [WEATHER]})).json()
    bad, good = body["choices"][0]["message"]["tool_calls"]
    assert bad["fault"] == "arguments: too few"
    assert "fault" not in good
    assert scripted.requests[0].tools == (ToolSpec("weather", "Tells it.", PARAMETERS),)
