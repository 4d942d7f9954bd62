"""What arguments are let through, and how the others are refused."""

from __future__ import annotations

import pytest

from tests.tooling.samples import SampleTool
from tooling.errors import InvalidArguments
from tooling.validation import arguments_validate

TOOL = SampleTool(
    text={"type": "string", "required": False, "min_length": 1, "max_length": 5},
    whole={"type": "integer", "required": False, "minimum": 1, "maximum": 9},
    real={"type": "number", "required": False},
    flag={"type": "boolean", "required": False},
    some={"type": "array", "required": False, "schema": {"items": {"type": "integer"}}},
    thing={"type": "object", "required": False},
    pick={"type": "string", "required": False, "enum": ["red", "green"]},
    usual={"type": "integer", "required": False, "default": 7},
)


@pytest.mark.parametrize(
    ("given", "reaches"),
    [
        ({}, {}),
        ({"text": "abc"}, {"text": "abc"}),
        ({"whole": 9}, {"whole": 9}),
        ({"whole": 3.0}, {"whole": 3}),
        ({"real": 1}, {"real": 1}),
        ({"real": -0.5}, {"real": -0.5}),
        ({"flag": False}, {"flag": False}),
        ({"some": [1, 2]}, {"some": [1, 2]}),
        ({"thing": {"a": [None]}}, {"thing": {"a": [None]}}),
        ({"pick": "red"}, {"pick": "red"}),
        ({"usual": 1}, {"usual": 1}),
        ({"text": "日本語"}, {"text": "日本語"}),
    ],
)
def test_fitting_arguments_reach_the_tool(given, reaches):
    fitted = arguments_validate(TOOL, given)
    assert fitted == {"usual": 7} | reaches
    assert all(type(fitted[name]) is type(value) for name, value in reaches.items())


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"text": 5}, "parameters.text", "string, not integer"),
        ({"text": None}, "parameters.text", "string, not null"),
        ({"text": ""}, "parameters.text", "at least 1 character"),
        ({"text": "x" * 6}, "parameters.text", "at most 5 character"),
        ({"text": "\ud800"}, "parameters.text", "Unicode"),
        ({"whole": "5"}, "parameters.whole", "integer, not string"),
        ({"whole": True}, "parameters.whole", "integer, not boolean"),
        ({"whole": 2.5}, "parameters.whole", "integer, not number"),
        ({"whole": 0}, "parameters.whole", "minimum of 1"),
        ({"whole": 10}, "parameters.whole", "maximum of 9"),
        ({"real": "1.5"}, "parameters.real", "number, not string"),
        ({"real": float("inf")}, "parameters.real", "finite"),
        ({"real": float("nan")}, "parameters.real", "finite"),
        ({"flag": "true"}, "parameters.flag", "boolean, not string"),
        ({"flag": 1}, "parameters.flag", "boolean, not integer"),
        ({"some": {}}, "parameters.some", "array, not object"),
        ({"some": [1, "2"]}, "parameters.some", "[1] must be of type integer, not string"),
        ({"thing": []}, "parameters.thing", "object, not array"),
        ({"thing": {"\udfff": 1}}, "parameters.thing", "Unicode"),
        ({"pick": "blue"}, "parameters.pick", "red"),
        ({"colour": "red"}, "parameters.colour", "unknown; sample takes: text, whole"),
        ({"\ud800": 1}, "parameters.?", "unknown"),
        ([], "parameters", "must be an object, not array"),
        ("text", "parameters", "must be an object, not string"),
        (None, "parameters", "must be an object, not null"),
    ],
)
def test_misfits_are_named(given, field, says):
    with pytest.raises(InvalidArguments) as raised:
        arguments_validate(TOOL, given)
    assert raised.value.details["field"] == field
    assert says in str(raised.value)
    str(raised.value).encode()  # it can be sent to a client


def test_missing_arguments_are_named_with_what_they_are():
    tool = SampleTool("adder", a={"type": "integer"}, b={"type": "integer"})
    with pytest.raises(InvalidArguments) as raised:
        arguments_validate(tool, {"a": "1", "c": 2})
    fields = [problem["field"] for problem in raised.value.details["problems"]]
    assert fields == ["parameters.c", "parameters.b", "parameters.a"]
    assert "parameters.b is missing (integer: The b)" in str(raised.value)


def test_deep_nesting_is_refused_without_recursing_into_it():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidArguments, match="nested deeper"):
        arguments_validate(SampleTool(x={"type": "array"}), {"x": deep})


def test_a_long_value_does_not_come_back_in_the_message():
    tool = SampleTool(pick={"type": "string", "enum": ["a"]})
    with pytest.raises(InvalidArguments) as raised:
        arguments_validate(tool, {"pick": "x" * 100_000})
    assert len(str(raised.value)) < 400
