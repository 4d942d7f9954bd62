"""JSON from outside: one depth for all of it, and no byte order mark in the way."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from common.jsons import MAX_DEPTH, TooDeep, is_deeper, json_read


def nested(depth: int, kind: str = "list") -> str:
    """JSON of so many levels."""
    return "[" * depth + "]" * depth if kind == "list" else '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", [1, 2, MAX_DEPTH])
def test_what_is_within_the_limit_is_read(depth: int, kind: str) -> None:
    value = json_read(nested(depth, kind))
    assert is_deeper(value, depth - 1)
    assert not is_deeper(value, depth)


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 5_000, 100_000])
def test_what_is_nested_deeper_is_refused(depth: int, kind: str) -> None:
    with pytest.raises(TooDeep, match=str(MAX_DEPTH)):
        json_read(nested(depth, kind))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'{{"context": {nested(500)}}}', "context"),
        (f'{{"goal": "x", "context": {nested(500)}, "more": {nested(500)}}}', "context"),
        (f'{{"tools": [1, {{"a": 1, "b": {nested(500, "object")}}}]}}', "tools.1.b"),
        (nested(500), ""),
        (nested(100_000, "object"), ""),
    ],
    ids=["alone", "first", "inside", "list", "beyond"],
)
def test_what_is_nested_too_deeply_is_named(text: str, place: str) -> None:
    with pytest.raises(TooDeep) as refused:
        json_read(text)
    assert refused.value.place == place


@pytest.mark.parametrize("text", ["", "{", "nul", '{"a": }', "9" * 5000])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each has words of its own
        json_read(text)


@pytest.mark.parametrize(
    "text", ["\N{ZERO WIDTH NO-BREAK SPACE}[1]", codecs.BOM_UTF8 + b"[1]", "[1]".encode("utf-16")]
)
def test_a_byte_order_mark_is_skipped(text: Any) -> None:
    assert json_read(text) == [1]
