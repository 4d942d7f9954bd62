"""The parts of a JSON Schema: where they are, how deep they go, where references point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from common.types import JSON

MAPS = ("properties", "patternProperties", "$defs", "definitions")
LISTS = ("anyOf", "allOf", "oneOf", "prefixItems", "items")
SINGLES = ("items", "additionalProperties", "additionalItems")

Path = tuple[str, ...]
Complaint = tuple[Path, str]

DEFINITIONS = ("$defs", "definitions")


def schema_parts(schema: Any) -> Iterator[tuple[Path, Any]]:
    """A schema's direct sub-schemas with their paths in it."""
    if not isinstance(schema, dict):
        return
    for key in MAPS:
        if isinstance(schema.get(key), dict):
            yield from (((key, name), part) for name, part in schema[key].items())
    for key in LISTS:
        if isinstance(schema.get(key), list):
            yield from (((key, str(index)), part) for index, part in enumerate(schema[key]))
    for key in SINGLES:
        if isinstance(schema.get(key), dict | bool):
            yield (key,), schema[key]


def schema_walk(schema: Any, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """A schema and everything in it, with paths."""
    if isinstance(schema, dict):
        yield path, schema
    for name, part in schema_parts(schema):
        yield from schema_walk(part, path + name)


def schema_map(schema: Any, change: Callable[[JSON], JSON]) -> Any:
    """The schema with `change` applied to it and to everything in it."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    for key in MAPS:
        if isinstance(schema.get(key), dict):
            changed[key] = {name: schema_map(part, change) for name, part in schema[key].items()}
    for key in LISTS:
        if isinstance(schema.get(key), list):
            changed[key] = [schema_map(part, change) for part in schema[key]]
    for key in SINGLES:
        if isinstance(schema.get(key), dict):
            changed[key] = schema_map(schema[key], change)
    return change(changed)


def schema_definitions(root: JSON) -> JSON:
    """Return the definitions of the whole schema, which every part of it may refer to."""
    return {key: root[key] for key in DEFINITIONS if key in root}


def schema_height(schema: Any) -> int:
    """How many levels of sub-schemas there are, references not followed."""
    parts = [part for (key, *_), part in schema_parts(schema) if key not in DEFINITIONS]
    return 1 + max(map(schema_height, parts), default=0)


def reference_path(reference: Any) -> Path | None:
    """Where a reference such as "#/$defs/name" points to; None when it leaves the schema."""
    # Not `referencing`: it gives what stands at a place and not the place, which complaints name
    # and which must be one that `schema_walk` sees; and it follows anchors, which grammars do not.
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    steps = unquote(reference).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)
