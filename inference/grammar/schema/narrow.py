"""Where llguidance is laxer than a JSON Schema, a narrower schema that it keeps exactly."""

from __future__ import annotations

from typing import Any

from common.types import JSON
from inference.grammar.schema.hints import without_hints
from inference.grammar.schema.numbers import numbers_narrow
from inference.grammar.schema.parts import schema_map

# Separators as models have seen them in training. Flexible white space would let a small model
# emit blanks for ever; leniency would ignore keywords. A name written with \u escapes would pass
# for one that the schema does not know.
OPTIONS: JSON = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
    "coerce_one_of": False,
    "json_allowed_escapes": 'nrbtf\\"',
}
COMPOSED = {"allOf", "anyOf", "oneOf", "$ref", "patternProperties"}
SHORTEST_STEP = 1e-9
RELATIVE_STEP = 2.0**-48
DAY_THAT_IS = (
    r"^(?:(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-"
    r"(?:(?:0[13-9]|1[0-2])-|02-(?:[01]|2[0-8]))"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
    r"|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
)
NO_LEAP_SECOND = "^(?:[^:]*T)?[0-9]{2}:[0-9]{2}:[0-5]"
# Readers of dates know neither 29 February of any year, nor a year 0, nor a second 60.
STRICTER_FORMATS = {
    "date": (DAY_THAT_IS,),
    "date-time": (DAY_THAT_IS, NO_LEAP_SECOND),
    "time": (NO_LEAP_SECOND,),
}


def schema_prepare(schema: Any) -> JSON:
    """The schema as llguidance is to see it: narrowed, with our options instead of any it has."""
    narrowed = {} if schema is True else schema_map(schema, _narrow)
    return {**narrowed, "x-guidance": OPTIONS}


def schema_bare(schema: Any) -> Any:
    """The schema with its demands alone."""
    return schema_map(schema, without_hints)


def schema_close(schema: Any) -> Any:
    """The schema of an object without properties that it does not name, where it leaves that open:
    a small model goes on inventing them for ever."""
    if not isinstance(schema, dict) or schema.keys() & COMPOSED:
        return schema
    names, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(names, dict) or not isinstance(required, list):
        return schema
    if not all(isinstance(name, str) and name in names for name in required):
        return schema
    return {"additionalProperties": False, **schema}


def _narrow(part: JSON) -> JSON:
    part = numbers_narrow(without_hints(part))
    for exclusive, inclusive, sign in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        part = _include(part, exclusive, inclusive, sign)
    for pattern in STRICTER_FORMATS.get(str(part.get("format")), ()):
        part = {**part, "allOf": [*part.get("allOf", ()), {"pattern": pattern}]}
    return part


def _include(part: JSON, exclusive: str, inclusive: str, sign: int) -> JSON:
    """A number's exclusive bound as an inclusive one a hair further in.

    llguidance gives way to the bound itself where both bounds share their whole part (0 and 0.5),
    and a text like 2.99999999999999999999 is read as 3.
    """
    bound = part.get(exclusive)
    if (
        isinstance(bound, bool)
        or not isinstance(bound, int | float)
        or part.get("type") == "integer"
    ):
        return part
    moved = bound + sign * max(abs(bound) * RELATIVE_STEP, SHORTEST_STEP)
    other = part.get(inclusive)
    if isinstance(other, int | float) and not isinstance(other, bool):
        moved = max(moved, other) if sign > 0 else min(moved, other)
    return {key: value for key, value in part.items() if key != exclusive} | {inclusive: moved}
