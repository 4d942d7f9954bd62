"""What a schema's grammar lets pass, byte by byte: nothing that a validator would refuse."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import jsonschema
import numpy as np
import pytest
from llguidance import LLMatcher, LLTokenizer

from common.errors import InvalidRequest
from inference.grammar.make import grammar_make
from inference.types import Constraint, ToolSpec
from tests.inference.grammar.call_fixtures import RandomWriter
from tests.inference.grammar.random_schemas import SchemaMaker

SCHEMAS = 80
BYTES = LLTokenizer("byte")
TEXT = {"type": "string"}


def matches(schema: Any, text: str) -> bool:
    """Whether the schema's grammar lets the whole text pass."""
    grammar = grammar_make(Constraint("json_schema", schema))
    assert grammar is not None
    matcher = LLMatcher(BYTES, grammar)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, "0", False),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, "0.25", True),
        ({"type": "number", "exclusiveMinimum": 3, "maximum": 3.5}, "3", False),
        ({"type": "number", "exclusiveMaximum": 3}, "2.99999999999999999999999", False),
        ({"type": "number", "exclusiveMaximum": 3}, "2.75", True),
        ({"type": "number", "exclusiveMaximum": 3, "maximum": 2}, "2.5", False),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, "4", True),
        ({"properties": {"a": {"type": "integer"}}}, '{"\\u0061": "x"}', False),
        ({"properties": {"a": TEXT}, "additionalProperties": True}, '{"b": 1}', True),
        ({"type": "object", "properties": {"a": TEXT}}, '{"b": 1}', False),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["b"]}, '{"b": 1}', True),
        ({"type": "string", "format": "date"}, '"2024-02-29"', True),
        ({"type": "string", "format": "date"}, '"2023-02-29"', False),
        ({"type": "string", "format": "date"}, '"1900-02-29"', False),
        ({"type": "string", "format": "date"}, '"0000-01-01"', False),
        ({"type": "string", "format": "date-time"}, '"2024-02-29T23:59:59Z"', True),
        ({"type": "string", "format": "time"}, '"12:00:60Z"', False),
    ],
)
def test_a_grammar_is_never_laxer_than_its_schema(schema: Any, text: str, expected: bool) -> None:
    assert matches(schema, text) is expected


def test_whatever_is_drawn_from_a_random_schema_validates() -> None:
    writer = RandomWriter(BYTES, BYTES.eos_token)
    complete, paths = 0, []
    for seed in range(SCHEMAS):
        schema = SchemaMaker(random.Random(seed)).make()
        try:
            grammar = grammar_make(Constraint("json_schema", schema))
        except InvalidRequest as error:
            paths.append(str(error.details["field"]))
            continue
        assert grammar is not None
        text, is_complete = writer.draw(grammar, np.random.default_rng(seed))
        if is_complete:
            complete += 1
            checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
            validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
            validator.validate(json.loads(text))
    assert complete > SCHEMAS / 3
    assert paths
    assert all(path.startswith("constraint.value") for path in paths)


def _chain(length: int) -> dict[str, Any]:
    names = [f"d{index}" for index in range(length)]
    links = pairwise(names)
    definitions = {one: {"properties": {"a": {"$ref": f"#/$defs/{two}"}}} for one, two in links}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, names[-1]: TEXT}}


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (_chain(2000), ""),  # llguidance's stack would overflow
        ({"enum": ["x" * 300_000]}, ""),
        ({"anyOf": [{"properties": {f"p{n}": TEXT for n in range(500)}}]}, "anyOf.0.properties"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "$defs.a.$ref"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}, ""),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, "properties.a.$ref"),
        ({"type": "number", "multipleOf": 0.01}, "multipleOf"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum"),
        ({"type": "object", "required": [f"r{n}" for n in range(9000)]}, "required"),
        ({"properties": {f"p{n}": True for n in range(9000)}}, "properties"),
        ({"const": "a\x01"}, "const"),
        ({"enum": ["a", {"b": ["a\x7f"]}]}, "enum"),
    ],
)
def test_what_no_grammar_can_follow_is_refused_by_its_path(schema: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        grammar_make(Constraint("json_schema", schema))
    assert raised.value.details["field"] == ".".join(["constraint.value", path]).rstrip(".")


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("lark", "start: r0\n" + "\n".join(f"r{n}: r{n + 1}" for n in range(3000))),
        Constraint("lark", f"start: %json {json.dumps(_chain(2000))}"),
        Constraint("lark", "start: /" + "a" * 140_000 + "/"),
        Constraint("choice", ["x" * 140_000]),
    ],
)
def test_a_grammar_that_is_too_large_is_refused(constraint: Constraint) -> None:
    with pytest.raises(InvalidRequest, match="at most"):
        grammar_make(constraint)


def test_arguments_are_an_object_whatever_the_schema_leaves_open() -> None:
    tool = ToolSpec("f", "", {"properties": {"a": TEXT}})
    grammar = grammar_make(None, tools=(tool,), calls="forced", parallel=False)
    assert grammar is not None
    matcher = LLMatcher(BYTES, grammar)
    assert matcher.try_consume_tokens(list(b'{"name": "f", "arguments": "')) < 28
    wrong = ToolSpec("g", "", {"type": "array"})
    with pytest.raises(InvalidRequest) as raised:
        grammar_make(None, tools=(tool, wrong), calls="forced")
    assert raised.value.details["field"] == "tools.1.parameters.type"
