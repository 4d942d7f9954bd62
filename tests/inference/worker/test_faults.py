"""What breaks a tool's schema in a call, as far as no grammar could hold it."""

from __future__ import annotations

import time

import pytest

from common.types import JSON
from inference.types import ToolSpec, WrittenCall
from inference.worker.faults import FaultFinder

TAGS: JSON = {
    "type": "object",
    "properties": {"tags": {"type": "array", "uniqueItems": True}, "n": {"not": {"const": 5}}},
}


def fault(schema: JSON, arguments: str) -> str:
    return FaultFinder([ToolSpec("f", "", schema)])(WrittenCall("1", "f", arguments))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"tags": [1, 2]}', ""),
        ('{"tags": [1, 1]}', "arguments.tags: "),
        ('{"n": 5}', "arguments.n: "),
        ("[]", "arguments: "),
        ('{"tags": ', "arguments: not JSON"),
    ],
)
def test_a_fault_is_told_with_its_path(arguments: str, expected: str) -> None:
    told = fault(TAGS, arguments)
    assert told.startswith(expected)
    assert bool(told) is bool(expected)


def test_a_call_of_another_tool_is_not_judged() -> None:
    assert FaultFinder([])(WrittenCall("1", "g", "{}")) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"pattern": 5},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"properties": 5},
    ],
)
def test_a_schema_that_cannot_be_followed_finds_nothing_and_does_no_harm(schema: JSON) -> None:
    began = time.monotonic()
    assert fault(schema, '{"a": "%s!"}' % ("a" * 40)) == ""
    assert time.monotonic() - began < 10


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(fault({"maxProperties": 0}, '{"a": "%s"}' % ("x" * 5000))) <= 300
