"""What a request demands of its output: grammars, refusals, and answers that keep to them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from common.errors import InvalidRequest
from inference.grammar.make import BARE, CallSyntax, grammar_make
from inference.mlx_worker.batch import BatchEngine
from inference.types import Constraint, PromptMessage, Sampling, ToolSpec, WrittenCall
from tests.inference.mlx_worker.fixtures import ask, run

HOT = 1.5
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
CALCULATOR = ToolSpec(
    "calculator",
    "Computes an arithmetic expression.",
    {
        "type": "object",
        "properties": {"expression": {"type": "string", "maxLength": 12}},
        "required": ["expression"],
    },
)
WEATHER = ToolSpec(
    "weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer"}},
        "required": ["city"],
        "$defs": {"city": {"enum": ["Paris", "Rome"]}},
    },
)
TOOLS = (CALCULATOR, WEATHER)
MARKED = (
    CallSyntax("<call>", "</call>"),
    CallSyntax("<|call|>", "</call>", lambda text: "<[300]>" if "|" in text else json.dumps(text)),
)


def assert_valid_call(call: WrittenCall) -> None:
    tool = next(tool for tool in TOOLS if tool.name == call.name)
    jsonschema.validate(json.loads(call.arguments), tool.parameters)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        (
            {"properties": {"a": {"items": {"type": "string", "not": {}}}}},
            "properties.a.items.not",
        ),
        ({"anyOf": [{"type": "string", "contains": {}}]}, "anyOf.0.contains"),
        ({"$ref": "#/$defs/q", "$defs": {"q": {"if": {}, "then": {}}}}, "$defs.q.if"),
        ({"properties": {"a": {"$ref": "http://example.com/x"}}}, "properties.a.$ref"),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
        ({"type": "object", "minProperties": 2}, "minProperties"),
        ({"type": "object", "not": {}, "x-guidance": {"lenient": True}}, "not"),
    ],
)
def test_an_unsupported_keyword_is_refused_by_its_path(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        grammar_make(Constraint("json_schema", schema))
    assert raised.value.details["field"] == f"constraint.value.{path}"
    assert path in str(raised.value)


def test_a_tools_unsupported_schema_is_refused_by_its_path() -> None:
    odd = ToolSpec("odd", "", {"type": "object", "properties": {"a": {"contains": {}}}})
    with pytest.raises(InvalidRequest) as raised:
        grammar_make(None, tools=(CALCULATOR, odd), calls="forced")
    assert raised.value.details["field"] == "tools.1.parameters.properties.a.contains"


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("regex", "("),
        Constraint("regex", ""),
        Constraint("lark", "start: unknown"),
        Constraint("lark", None),
        Constraint("choice", []),
        Constraint("choice", ["a", 1]),
        Constraint("json_schema", [1]),
        Constraint("json_schema", False),
    ],
)
def test_a_broken_constraint_is_refused(constraint: Constraint) -> None:
    with pytest.raises(InvalidRequest) as raised:
        grammar_make(constraint)
    assert raised.value.details["field"] == "constraint.value"


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("constraint", [None, Constraint("json_schema", PERSON)])
@pytest.mark.parametrize(
    ("calls", "syntax"),
    [("forced", BARE), *((calls, syntax) for calls in ("offered", "forced") for syntax in MARKED)],
)
def test_every_combination_makes_a_grammar(
    calls: Any, parallel: bool, constraint: Constraint | None, syntax: CallSyntax
) -> None:
    assert grammar_make(constraint, tools=TOOLS, calls=calls, parallel=parallel, syntax=syntax)


def test_nothing_demanded_is_no_grammar() -> None:
    assert grammar_make(None) is None
    assert grammar_make(None, tools=TOOLS, calls="none") is None


@pytest.mark.model
def test_schema_bound_answers_validate_however_hot(engine: BatchEngine) -> None:
    constraint = Constraint("json_schema", PERSON)
    answers = run(
        engine,
        *(
            ask(
                "Invent a person.",
                constraint=constraint,
                sampling=Sampling(temperature=HOT, seed=seed),
                max_tokens=100,
            )
            for seed in range(6)
        ),
    )
    for answer in answers:
        assert answer.finish_reason == "stop"
        jsonschema.validate(json.loads(answer.text), PERSON)


@pytest.mark.model
def test_every_kind_of_constraint_holds_in_one_batch_with_free_text(engine: BatchEngine) -> None:
    hot = Sampling(temperature=HOT, seed=5)
    free, choice, regex, lark, anything = run(
        engine,
        ask("What is the capital of France?"),
        ask("Is the sky blue?", constraint=Constraint("choice", ["yes", "no"]), sampling=hot),
        ask("A date?", constraint=Constraint("regex", r"\d{4}-\d{2}/\d{2}"), sampling=hot),
        ask("Sum?", constraint=Constraint("lark", 'start: N "+" N\nN: /[0-9]{1,3}/'), sampling=hot),
        ask("An object.", constraint=Constraint("json_object"), max_tokens=300),
    )
    assert "Paris" in free.text
    assert choice.text in ("yes", "no")
    date, slash, day = regex.text.partition("/")
    assert (len(date), slash, len(day)) == (7, "/", 2)
    assert sum(map(int, lark.text.split("+"))) >= 0
    if anything.finish_reason == "stop":
        assert isinstance(json.loads(anything.text), dict)


@pytest.mark.model
def test_required_calls_are_always_valid(engine: BatchEngine) -> None:
    answers = run(
        engine,
        *(
            ask(
                "What is the weather in Paris, and what is 2+2?",
                tools=TOOLS,
                tool_choice="required",
                parallel_tool_calls=seed % 2 == 0,
                sampling=Sampling(temperature=HOT, seed=seed),
                max_tokens=300,
            )
            for seed in range(6)
        ),
    )
    finished = [answer for answer in answers if answer.finish_reason == "tool_calls"]
    assert len(finished) >= 5
    for seed, answer in enumerate(answers):
        assert answer.error is None
        if answer in finished:
            assert answer.text == ""
            assert len(answer.calls) >= 1
            assert seed % 2 == 0 or len(answer.calls) == 1
            for call in answer.calls:
                assert_valid_call(call)


@pytest.mark.model
def test_a_named_tool_is_the_one_called(engine: BatchEngine) -> None:
    named, unknown = run(
        engine,
        ask("Hello!", tools=TOOLS, tool_choice="weather", parallel_tool_calls=False),
        ask("Hello!", tools=TOOLS, tool_choice="teleport"),
    )
    assert [call.name for call in named.calls] == ["weather"]
    assert isinstance(unknown.error, InvalidRequest)
    assert unknown.error.details["field"] == "tool_choice"


@pytest.mark.model
def test_a_call_that_was_cut_is_given_as_it_is(engine: BatchEngine) -> None:
    (answer,) = run(
        engine,
        ask("2+2?", tools=(CALCULATOR,), tool_choice="required", max_tokens=5),
    )
    assert answer.finish_reason == "length"
    assert answer.calls == []
    assert "name" in answer.text


@pytest.mark.model
def test_an_offered_call_is_masked_once_it_is_opened(engine: BatchEngine) -> None:
    """The answer is begun for the model, up to the marker; the rest it must write itself."""
    begun = (PromptMessage("user", "What is 2+2?"), PromptMessage("assistant", "Let me see. "))
    request = ask(
        "",
        tools=TOOLS,
        sampling=Sampling(temperature=HOT, seed=2),
        max_tokens=120,
        parallel_tool_calls=False,
    )
    free, *forced = run(
        engine,
        ask("Who was Napoleon?", tools=TOOLS, max_tokens=12),
        *(_with_messages(request, begun, f"r{seed}", seed) for seed in range(3)),
    )
    assert free.text
    assert free.calls == []
    for answer in forced:
        assert answer.error is None
        assert "<tool_call>" not in answer.text or answer.finish_reason == "length"
        for call in answer.calls:
            assert_valid_call(call)


def _with_messages(request: Any, messages: Any, request_id: str, seed: int) -> Any:
    sampling = replace(request.sampling, seed=seed)
    return replace(request, messages=messages, id=request_id, sampling=sampling)
