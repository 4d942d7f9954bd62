"""Tools with keywords that no grammar holds: offered they are held in part, forced refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher

from common.errors import InvalidRequest
from common.types import JSON
from inference.grammar.form import form_check
from inference.grammar.make import CallSyntax, grammar_make, tools_unheld
from inference.grammar.schema.relax import schema_relaxed
from inference.types import Constraint, GenerationRequest, ToolSpec
from tests.inference.grammar.random_schemas import UNSUPPORTED
from tests.inference.grammar.test_schemas import BYTES, matches

SYNTAX = CallSyntax("<call>", "</call>")
TEXT: JSON = {"type": "string"}

# As zod, pydantic and the JSON Schema test-suite write them.
UNHELD: dict[str, JSON] = {
    "uniqueItems": {"type": "array", "items": TEXT, "uniqueItems": True},
    "propertyNames": {"type": "object", "propertyNames": {"maxLength": 3}},
    "pydantic's Decimal": {
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"},
        ]
    },
    "not": {"not": {"type": "integer"}},
    "if": {"if": TEXT, "then": {"minLength": 2}, "else": {"minimum": 3}},
    "contains": {"type": "array", "contains": {"type": "integer"}, "minContains": 2},
    "cents": {"type": "number", "multipleOf": 0.01},
    "dependentRequired": {"type": "object", "dependentRequired": {"a": ["b"]}},
    "dependentSchemas": {"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}},
    "dependencies": {"type": "object", "dependencies": {"a": ["b"]}},
    "minProperties": {"type": "object", "minProperties": 2},
    "unevaluatedProperties": {
        "allOf": [{"properties": {"a": TEXT}}],
        "unevaluatedProperties": False,
    },
    "unevaluatedItems": {"allOf": [{"prefixItems": [TEXT]}], "unevaluatedItems": False},
    "oneOf": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    "look-behind": {"type": "string", "pattern": "(?<=a)b"},
    "reference back": {"type": "string", "pattern": r"^(a)\1$"},
    "remote $ref": {"$ref": "https://example.com/schema.json"},
    "$ref to nowhere": {"$ref": "#/$defs/nothing"},
    "anchor": {"$ref": "#anchor"},
    "$dynamicRef": {"$dynamicRef": "#node"},
    "large const": {"const": 2**60},
    "control character": {"enum": ["a", "b\x01"]},
    "unknown type": {"type": "float"},
    "many": {"type": "object", "properties": {f"p{n}": TEXT for n in range(500)}},
    "large": {"enum": ["x" * 300_000]},
    "nothing fits": {"not": {}},
}
HINTS: dict[str, JSON] = {
    **{
        name: {"type": "string", "format": name}
        for name in ("password", "path", "uri-reference", "regex", "binary", "zzz", "byte", "")
    },
    "int64": {"type": "integer", "format": "int64"},
    "title": {"type": "string", "title": "A title"},
    "default": {"type": "number", "default": 1e400},
    "examples": {"type": "string", "examples": [1, None]},
    "example": {"type": "string", "example": 2**70},
    "readOnly": {"type": "string", "readOnly": True, "writeOnly": False},
    "$comment": {"type": "string", "$comment": "no"},
    "deprecated": {"type": "string", "deprecated": True},
    "contentMediaType": {
        "type": "string",
        "contentMediaType": "image/png",
        "contentEncoding": "base64",
        "contentSchema": {"not": {}},
    },
    "of somebody": {"type": "string", "x-order": 3, "markdownDescription": "*a*", "nullable": True},
    "$id": {"type": "string", "$id": "https://example.com/a", "$anchor": "a"},
    "$schema": {"type": "string", "$schema": "https://example.com/my-own"},
    "discriminator": {"anyOf": [TEXT], "discriminator": {"propertyName": "kind"}},
    "zod's record": {"type": "object", "propertyNames": TEXT, "additionalProperties": TEXT},
    "if alone": {"type": "string", "if": {"minLength": 1}},
    "no condition": {"type": "array", "uniqueItems": False, "minContains": 1},
    "one item": {"type": "array", "uniqueItems": True, "maxItems": 1},
    "unevaluated": {"type": "object", "properties": {"a": TEXT}, "unevaluatedProperties": False},
}


def tool(value: JSON, name: str = "odd") -> ToolSpec:
    return ToolSpec(name, "", {"type": "object", "properties": {"value": value}})


def offered(*tools: ToolSpec, constraint: Constraint | None = None) -> str:
    request = GenerationRequest(prompt="hi", tools=tools, constraint=constraint)
    form_check(request)
    grammar = grammar_make(constraint, tools=tools, calls="offered", syntax=SYNTAX)
    assert grammar is not None
    return grammar


def forced(request: GenerationRequest) -> None:
    form_check(request)
    grammar_make(None, tools=request.tools, calls="forced")


def takes(grammar: str, text: str) -> bool:
    matcher = LLMatcher(BYTES, grammar)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def call(name: str, arguments: Any) -> str:
    told = f'{{"name": "{name}", "arguments": {json.dumps(arguments, ensure_ascii=False)}}}'
    return f"<call>{told}</call>"


@pytest.mark.parametrize("name", UNHELD)
def test_an_offered_tool_is_held_in_part_and_a_forced_one_refused(name: str) -> None:
    odd, plain = tool(UNHELD[name]), tool({"type": "integer"}, "plain")
    grammar = offered(odd, plain)
    assert takes(grammar, "Hello!")
    assert takes(grammar, call("plain", {"value": 3}))
    assert not takes(grammar, call("plain", {"value": "x"}))
    assert not takes(grammar, call("nobody", {}))
    assert tools_unheld((odd, plain)) == (odd,)
    for choice in ("required", "odd"):
        request = GenerationRequest(prompt="hi", tools=(odd, plain), tool_choice=choice)
        with pytest.raises(InvalidRequest) as caught:
            forced(request)
        assert str(caught.value.details["field"]).startswith("tools.0.parameters")


@pytest.mark.parametrize("name", UNHELD)
def test_an_answer_is_strict_unless_the_request_says_that_it_need_not_be(name: str) -> None:
    schema = tool(UNHELD[name]).parameters
    with pytest.raises(InvalidRequest):
        grammar_make(Constraint("json_schema", schema))
    assert grammar_make(Constraint("json_schema", schema, strict=False))


@pytest.mark.parametrize("name", HINTS)
def test_hints_refuse_nothing(name: str) -> None:
    hinted = tool(HINTS[name])
    assert tools_unheld((hinted,)) == ()
    assert offered(hinted)
    assert grammar_make(None, tools=(hinted,), calls="forced")
    assert grammar_make(Constraint("json_schema", hinted.parameters))
    assert grammar_make(Constraint("json_schema", HINTS[name]))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (UNHELD["uniqueItems"], ["a", "a"], [1]),
        (UNHELD["cents"], 1.5, "x"),
        (UNHELD["oneOf"], 3, "x"),
        (UNHELD["contains"], [], {}),
        (UNHELD["minProperties"], {}, []),
        ({"enum": ["a", 2**60]}, "a", None),
        ({"type": "string", "pattern": "^(?=a)", "maxLength": 2}, "bb", "bbb"),
    ],
)
def test_what_can_be_held_is_held(schema: JSON, good: Any, bad: Any) -> None:
    grammar = offered(tool(schema))
    assert takes(grammar, call("odd", {"value": good}))
    if bad is not None:
        assert not takes(grammar, call("odd", {"value": bad}))


@pytest.mark.parametrize(
    "value", [{"$ref": "#/properties/value"}, {"type": "integer", "minimum": 5, "maximum": 3}]
)
def test_a_parameter_that_nothing_fits_can_be_left_out(value: JSON) -> None:
    assert takes(offered(tool(value)), call("odd", {}))
    assert grammar_make(Constraint("json_schema", tool(value).parameters, strict=False))


def test_a_tool_with_more_parameters_than_can_be_held_has_them_all_the_same() -> None:
    many = {"type": "object", "properties": {f"p{n}": TEXT for n in range(500)}}
    assert takes(offered(ToolSpec("odd", "", many)), call("odd", {"p7": "x"}))


def test_a_condition_may_name_parameters_that_nobody_else_names() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": TEXT},
        "if": {"required": ["kind"]},
        "then": {"properties": {"x": {"type": "integer"}}},
    }
    grammar = offered(ToolSpec("odd", "", schema))
    assert takes(grammar, call("odd", {"kind": "a", "x": 3}))


@pytest.mark.parametrize("schema", UNSUPPORTED)
def test_whatever_is_left_is_a_schema_that_can_be_held(schema: JSON) -> None:
    assert grammar_make(Constraint("json_schema", schema_relaxed(schema)))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            {"type": "object", "propertyNames": {"pattern": "^x"}, "additionalProperties": TEXT},
            '{"xa": "b"}',
            '{"a": "b"}',
        ),
        (
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": TEXT},
            '{"a": "c"}',
            '{"c": "c"}',
        ),
        (HINTS["unevaluated"], '{"a": "b"}', '{"b": "b"}'),
        (HINTS["one item"], "[1]", "[1, 1]"),
    ],
)
def test_what_can_be_said_otherwise_is_held_whole(schema: JSON, good: str, bad: str) -> None:
    assert matches(schema, good)
    assert not matches(schema, bad)


def test_a_bound_answer_stays_bound_beside_an_odd_tool() -> None:
    grammar = offered(tool(UNHELD["not"]), constraint=Constraint("choice", ["yes"]))
    assert takes(grammar, "yes")
    assert not takes(grammar, "no")
