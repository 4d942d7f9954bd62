"""Numbers at the ends of their range: kept exactly, narrowed, or refused by their path."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from common.errors import InvalidRequest
from inference.grammar.form import constraint_check
from inference.grammar.make import grammar_make
from inference.types import Constraint
from tests.inference.grammar.test_schemas import matches

END = 2**63
EXACT = 2**53


def held(schema: Any) -> str | None:
    return grammar_make(Constraint("json_schema", schema))


@pytest.mark.parametrize("value", [-END, END - 1, END, 2 * END - 1, 2 * END, EXACT + 1, 10**400])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (lambda n: {"enum": [1, n]}, "enum"),
        (lambda n: {"const": n}, "const"),
        (lambda n: {"const": {"a": [n]}}, "const"),
        (lambda n: {"type": "integer", "enum": [n]}, "enum"),
        (lambda n: {"type": "integer", "multipleOf": n}, "multipleOf"),
        (lambda n: {"type": "integer", "minimum": n, "maximum": n}, "m..imum"),
        (lambda n: {"properties": {"a": {"items": {"const": n}}}}, r"properties\.a\.items\.const"),
        (lambda n: {"$ref": "#/$defs/a", "$defs": {"a": {"const": n}}}, r"\$defs\.a\.const"),
        (lambda n: {"anyOf": [{"type": "string"}, {"const": n}]}, r"anyOf\.1\.const"),
    ],
)
def test_what_cannot_be_exact_is_refused_by_its_path(
    schema: Any, path: str, value: int, sign: int
) -> None:
    with pytest.raises(InvalidRequest, match=rf"constraint\.value\.{path}: "):
        held(schema(value * sign))


@pytest.mark.parametrize("number", [1e400, -1e400, 1e308, 1e16, -1e300, float("nan")])
def test_floats_past_the_exact_ones_are_refused(number: float) -> None:
    with pytest.raises(InvalidRequest, match=r"constraint\.value\.const"):
        held({"const": number})


@pytest.mark.parametrize(
    "number",
    [EXACT, -EXACT, EXACT - 1, 0, -0.0, 5.0, 0.1, -2.5, 0.1 + 0.2, 1e-7, 1e-320, 5e-324, -1e-300],
)
def test_exact_ones_are_written_exactly(number: float) -> None:
    schema = {"const": number}
    is_whole = float(number).is_integer()
    text = str(int(number)) if is_whole else format(Decimal(repr(number)), "f")
    assert matches(schema, text)
    jsonschema.validate(json.loads(text), schema)
    if not is_whole:
        assert not matches(schema, str(int(number)))


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize(
    "bounds",
    [
        {"minimum": -END, "maximum": END - 1},
        {"minimum": -END},
        {"maximum": 2 * END - 1},
        {"minimum": 0, "maximum": 2 * END},
        {"exclusiveMinimum": -END - 1, "exclusiveMaximum": END},
        {"minimum": -1e400, "maximum": 1e400},
        {"minimum": -1e300, "exclusiveMaximum": 1e300, "maximum": 100},
        {"maximum": 10**400, "minimum": 1},
    ],
)
def test_bounds_far_out_are_narrowed(kind: str, bounds: Any) -> None:
    schema = {"type": kind, **bounds}
    assert matches(schema, "7")
    side = 1 if bounds.keys() & {"maximum", "exclusiveMaximum"} else -1
    assert not matches(schema, str(side * 10**18))


def test_a_far_bound_does_not_widen_a_near_one() -> None:
    schema = {"type": "integer", "minimum": 3, "exclusiveMinimum": -END, "maximum": 5}
    assert not matches(schema, "2")
    assert matches(schema, "3")
    assert not matches(schema, "6")


@pytest.mark.parametrize("bound", [{"minimum": EXACT + 1}, {"maximum": -END}])
def test_bounds_that_leave_only_inexact_numbers_are_refused(bound: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"constraint\.value\.m"):
        held({"type": "integer", **bound})


@pytest.mark.parametrize("most", [10**6, 10**9, 2**31, END, 2 * END, 10**30])
def test_counts_that_nobody_reaches_are_narrowed_and_demanded_ones_refused(most: int) -> None:
    for kind, text in (("array", "[1]"), ("string", '"a"')):
        noun = "Items" if kind == "array" else "Length"
        assert matches({"type": kind, f"max{noun}": most}, text)
        if most > 10**6:
            with pytest.raises(InvalidRequest, match=rf"constraint\.value\.min{noun}"):
                held({"type": kind, f"min{noun}": most})


def test_counts_that_are_written_as_floats_are_counts() -> None:
    assert matches({"type": "string", "minLength": 2.0, "maxLength": 3.0}, '"ab"')
    assert not matches({"type": "string", "minLength": 2.0}, '"a"')


@pytest.mark.parametrize("step", [0, -2, 0.0, 1e400, 2**32, 1e-320])
def test_steps_that_are_none_are_refused(step: float) -> None:
    with pytest.raises(InvalidRequest, match=r"constraint\.value\.multipleOf"):
        held({"type": "integer", "multipleOf": step})


def test_steps_that_hold_together_stay_within_32_bits() -> None:
    both = {"type": "integer", "multipleOf": 65536, "allOf": [{"multipleOf": 65536}]}
    with pytest.raises(InvalidRequest, match="multipleOf"):
        held(both)
    apart = {"properties": {"a": {"multipleOf": 86400}, "b": {"multipleOf": 100_000}}}
    assert held({"type": "object", **apart})
    small = {"type": "integer", "multipleOf": 4, "allOf": [{"multipleOf": 6}]}
    assert matches(small, "12")
    assert not matches(small, "6")


@pytest.mark.parametrize(
    "schema",
    [{"enum": [-END]}, {"type": "integer", "minimum": -END, "maximum": 0}, {"maxItems": 10**12}],
)
def test_a_schema_inside_of_a_grammar_is_no_way_round(schema: Any) -> None:
    grammar = f'start: "a" %json {json.dumps(schema)}'
    with pytest.raises(InvalidRequest) as caught:
        constraint_check(Constraint("lark", grammar))
    assert str(caught.value.details["field"]).startswith("constraint.value")
