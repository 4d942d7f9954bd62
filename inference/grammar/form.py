"""The form that a request demands of its answer, checked before any model is loaded.

What only llguidance can tell, the model's process finds out when it makes the grammar.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from common.errors import InvalidRequest
from common.types import JSON
from inference.grammar.lark import INLINE
from inference.grammar.schema.check import numbers_check, schema_check
from inference.types import Constraint, GenerationRequest, ToolSpec

MOST_CHARACTERS = 131_072
# llguidance recurses: a chain of some 2,500 rules, or of 1,200 levels of JSON Schema in %json,
# overflows its stack.
MOST_LINES = 1000
MOST_BRACES = 600

Calls = Literal["none", "offered", "forced"]


def form_check(request: GenerationRequest) -> None:
    """Raise InvalidRequest naming the field, for schemas with the path of the keyword."""
    calls, tools = calls_wanted(request)
    for index, tool in enumerate(tools):
        if calls == "forced":
            arguments_check(index, tool)
        else:
            arguments_schema(index, tool)
    if request.constraint is not None and calls != "forced":
        constraint_check(request.constraint)


def calls_wanted(request: GenerationRequest) -> tuple[Calls, tuple[ToolSpec, ...]]:
    """Tell whether calls are offered or forced, and of which tools."""
    choice = request.tool_choice
    if choice == "none":
        return "none", ()
    if choice == "auto":
        return ("offered" if request.tools else "none"), request.tools
    if not request.tools:
        raise InvalidRequest("tool_choice needs tools", field="tools")
    if choice == "required":
        return "forced", request.tools
    named = tuple(tool for tool in request.tools if tool.name == choice)
    if not named:
        raise InvalidRequest(f"there is no tool {choice!r} in tools", field="tool_choice")
    return "forced", named


def arguments_schema(index: int, tool: ToolSpec) -> JSON:
    """The schema of a tool's arguments, always of type object."""
    where = f"tools.{index}.parameters"
    schema = {"type": "object", **tool.parameters}
    if schema["type"] != "object":
        raise InvalidRequest(f"{where}.type: must be object", field=f"{where}.type")
    if set(schema) <= {"type"}:
        schema["properties"] = {}
    return schema


def arguments_check(index: int, tool: ToolSpec) -> JSON:
    """The same, when a grammar can hold all that it demands; else InvalidRequest is raised."""
    schema = arguments_schema(index, tool)
    schema_check(schema, f"tools.{index}.parameters")
    return schema


def constraint_check(constraint: Constraint) -> None:
    """Raise InvalidRequest unless the constraint's value is of its kind, and not too large."""
    value = constraint.value
    if constraint.kind == "json_schema":
        if constraint.strict:
            schema_check(value, "constraint.value")
    elif constraint.kind == "choice":
        _choice_check(value)
    elif constraint.kind != "json_object":
        _text_check(constraint.kind, value)


def _text_check(kind: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"a {kind} is a text", field="constraint.value")
    for count, most, what in (
        (len(value), MOST_CHARACTERS, "characters"),
        (value.count("\n"), MOST_LINES, "lines"),
        (value.count("{"), MOST_BRACES, "braces"),
    ):
        if count > most:
            raise InvalidRequest(f"at most {most} {what} are supported", field="constraint.value")
    if kind == "lark":
        for schema in _inline_schemas(value):
            numbers_check(schema, "constraint.value")


def _inline_schemas(lark: str) -> Iterator[Any]:
    """The JSON Schemas that stand in a grammar. What is none is left to llguidance."""
    for found in INLINE.finditer(lark):
        try:
            yield json.JSONDecoder().raw_decode(lark, found.end())[0]
        except (ValueError, RecursionError):
            continue


def _choice_check(value: Any) -> None:
    texts = value if isinstance(value, list | tuple) else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise InvalidRequest("a choice is a list of texts", field="constraint.value")
    if sum(map(len, texts)) > MOST_CHARACTERS:
        message = f"at most {MOST_CHARACTERS} characters are supported"
        raise InvalidRequest(message, field="constraint.value")
