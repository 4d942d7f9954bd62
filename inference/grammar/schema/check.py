"""JSON Schemas that no grammar can guarantee are refused with the offending path.

Needs neither llguidance nor a tokenizer, so that it can be asked before a model is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from common.errors import InvalidRequest
from common.types import JSON
from inference.grammar.schema.numbers import (
    bound_complaints,
    number_complaints,
    step_complaints,
)
from inference.grammar.schema.parts import (
    Complaint,
    Path,
    reference_path,
    schema_height,
    schema_walk,
)

MOST_CHARACTERS = 200_000
MOST_PARTS = 2000
MOST_OPTIONAL = 400  # each is a branch at every property of the object
MOST_LEVELS = 500  # llguidance recurses; from about 1,200 levels on its stack overflows
UNWRITABLE = re.compile(r"\\u00[01]|\x7f")  # as JSON


def schema_check(schema: Any, where: str) -> None:
    """Raise InvalidRequest when the schema asks for more than a grammar can guarantee.

    `where` is the path of the schema in the request; the error's field goes on from there.
    """
    if not isinstance(schema, dict) and schema is not True:
        raise InvalidRequest("a JSON schema is an object", field=where)
    _refuse(schema_complaints(schema), where)


def numbers_check(schema: Any, where: str) -> None:
    """Raise InvalidRequest for numbers in a schema that stands inside of a grammar, and so is
    narrowed by nobody."""
    for check in (number_complaints, bound_complaints):
        _refuse((each for found in schema_walk(schema) for each in check(*found)), where)


def _refuse(complaints: Iterator[Complaint], where: str) -> None:
    for path, complaint in complaints:
        field = ".".join((where, *path))
        raise InvalidRequest(f"{field}: {complaint}", field=field)


def schema_complaints(schema: Any) -> Iterator[Complaint]:
    """What is wrong, sizes first: a schema that is too large is not looked at further."""
    parts = list(schema_walk(schema))
    yield from _too_large(schema, parts)
    for path, part in parts:
        yield from _unsound(path, part, parts)
    yield from step_complaints(parts)


def _too_large(schema: Any, parts: list[tuple[Path, JSON]]) -> Iterator[Complaint]:
    if len(parts) > MOST_PARTS:
        yield (), f"has {len(parts)} parts; at most {MOST_PARTS} are supported"
    if (length := len(json.dumps(schema))) > MOST_CHARACTERS:
        yield (), f"has {length} characters; at most {MOST_CHARACTERS} are supported"
    definitions = [part for path, part in parts if path[-2:-1] in (("$defs",), ("definitions",))]
    if (levels := sum(map(schema_height, [schema, *definitions]))) > MOST_LEVELS:
        yield (), f"has {levels} levels with its definitions; at most {MOST_LEVELS} are supported"
    for path, part in parts:
        properties, required = part.get("properties", {}), part.get("required", [])
        if not isinstance(properties, dict):
            continue
        named = set(required) if _is_names(required) else set()
        if (known := len(properties.keys() | named)) > MOST_PARTS:
            key = "properties" if len(properties) > MOST_PARTS else "required"
            yield (*path, key), f"{known} are named; at most {MOST_PARTS} are supported"
        if (optional := len(properties.keys() - named)) > MOST_OPTIONAL:
            message = f"{optional} are not required; at most {MOST_OPTIONAL} are supported"
            yield (*path, "properties"), message


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _unsound(path: Path, part: JSON, parts: list[tuple[Path, JSON]]) -> Iterator[Complaint]:
    """Keywords that llguidance takes without being able to keep them."""
    least, required = part.get("minProperties", 0), part.get("required", [])
    if isinstance(least, int) and _is_names(required) and least > len(set(required)):
        # A grammar counts properties but cannot see that a free name came twice.
        yield (*path, "minProperties"), "more than are required by name is unsupported"
    yield from number_complaints(path, part)
    for key in part.keys() & {"const", "enum"}:
        if UNWRITABLE.search(json.dumps(part[key], ensure_ascii=False)):
            # llguidance would leave them out of the text.
            yield (*path, key), "control characters are supported in no text"
    if "$ref" in part:
        target = reference_path(part["$ref"])
        if target is None or not any(target == place for place, _ in parts):
            yield (*path, "$ref"), "only parts of the schema, as #/$defs/name, can be referred to"
