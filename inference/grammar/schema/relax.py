"""A schema as far as a grammar can hold it, for what need not be held whole."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from common.types import JSON
from inference.grammar.schema.check import schema_complaints
from inference.grammar.schema.hints import UNHELD, without_hints
from inference.grammar.schema.parts import LISTS, MAPS, Path, schema_map
from inference.grammar.schema.probe import schema_fault

ROUNDS = 12  # each compiles the schema once or more
ANYTHING: JSON = {}


def schema_relaxed(schema: JSON, *, least: JSON = ANYTHING) -> JSON:
    """The schema without the demands that no grammar can hold; `least` where nothing is left."""
    relaxed: JSON = json.loads(_relaxed(json.dumps(schema)))
    return {**least, **relaxed}


@lru_cache(maxsize=256)
def _relaxed(text: str) -> str:
    schema = schema_map(json.loads(text), _held)
    for path, _ in list(schema_complaints(schema)):
        schema = _without(schema, path)
    for _ in range(ROUNDS):
        fault = schema_fault(schema)
        if fault is None:
            return json.dumps(schema)
        schema = _without(schema, fault)
    return json.dumps(ANYTHING)


def _held(part: JSON) -> JSON:
    return {key: value for key, value in without_hints(part).items() if key not in UNHELD}


def _without(schema: Any, path: Path) -> Any:
    """The schema without what stands at the path: a keyword, or a part, which may be anything."""
    if not path or not isinstance(schema, dict):
        return ANYTHING
    key, rest = path[0], path[1:]
    if key not in schema:
        return schema
    value = schema[key]
    if not rest:
        # Without the names that there are, none is left over.
        gone = {key, "additionalProperties"} if key == "properties" else {key}
        others = {name: each for name, each in schema.items() if name not in gone}
        # Branches that do not exclude each other are still branches.
        return others if key != "oneOf" or "anyOf" in schema else {**others, "anyOf": value}
    if key in MAPS and isinstance(value, dict):
        changed = _without(value[rest[0]], rest[1:]) if rest[0] in value else ANYTHING
        return {**schema, key: {**value, rest[0]: changed}}
    if key in LISTS and isinstance(value, list):
        index = int(rest[0])
        changed = [*value[:index], _without(value[index], rest[1:]), *value[index + 1 :]]
        return {**schema, key: changed}
    return {**schema, key: _without(value, rest)}
