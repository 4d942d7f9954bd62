"""JSON Schemas that a grammar can guarantee; the others are refused with the offending path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from llguidance import LLMatcher

from inference.errors import InvalidRequest
from inference.types import JSON

# Separators as models have seen them in training. Flexible white space would let a small model
# emit blanks for ever; leniency would ignore keywords.
OPTIONS: JSON = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
    "coerce_one_of": False,
}
MAPS = ("properties", "patternProperties", "$defs", "definitions")
LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
SINGLES = ("items", "additionalProperties")


def schema_prepare(schema: Any) -> JSON:
    """The schema with our options, whatever options it brought along."""
    if schema is True:
        schema = {}
    return {**schema, "x-guidance": OPTIONS}


def schema_check(schema: Any, where: str) -> None:
    """Raise InvalidRequest when the schema asks for more than a grammar can guarantee.

    `where` is the path of the schema in the request; the error's field goes on from there.
    """
    if not isinstance(schema, dict) and schema is not True:
        raise InvalidRequest("a JSON schema is an object", field=where)
    message = _error(schema)
    if message:
        path = _culprit(schema, schema, message, where)
        raise InvalidRequest(f"{path}: {_first_line(message)}", field=path)
    for path, part in _walk(schema, where):
        _check_size(part, path)


def _check_size(schema: JSON, where: str) -> None:
    """A grammar counts properties but cannot see that a free name came twice."""
    least = schema.get("minProperties", 0)
    required = schema.get("required", ())
    if isinstance(least, int) and least > len(set(required)):
        path = f"{where}.minProperties"
        raise InvalidRequest(f"{path}: more than are required by name is unsupported", field=path)


def _error(schema: Any) -> str:
    """llguidance's complaint about a schema, or ''."""
    try:
        prepared = json.dumps(schema_prepare(schema))
        grammar = LLMatcher.grammar_from_json_schema(prepared)
    except (ValueError, TypeError) as error:
        return str(error)
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    return messages[0] if failed else ""


def _culprit(schema: Any, root: Any, message: str, where: str) -> str:
    """The path of the deepest part that draws the same complaint on its own."""
    for name, part in _parts(schema):
        if isinstance(part, dict) and _error(_with_definitions(part, root)) == message:
            return _culprit(part, root, message, f"{where}.{name}")
    return where + _keyword(schema, message)


def _with_definitions(part: JSON, root: JSON) -> JSON:
    """A part can refer to definitions of the whole schema."""
    shared: JSON = {key: root[key] for key in ("$defs", "definitions") if key in root}
    return {**shared, **part} if part is not root else part


def _keyword(schema: JSON, message: str) -> str:
    """Which of the schema's own keywords the message is about, as a path ending."""
    unknown = re.match(r"Unimplemented keys: \[\"([^\"]+)\"", message)
    if unknown:
        return f".{unknown[1]}"
    hints = (
        ("format", "Unknown format"),
        ("type", "Invalid type"),
        ("oneOf", "oneOf"),
        ("pattern", "regex"),
        ("$ref", "Pointer"),
        ("$ref", "Resource"),
        ("required", "required"),
    )
    for key, text in hints:
        if key in schema and text in message:
            return f".{key}"
    return ""


def _first_line(message: str) -> str:
    """The complaint in one line; regex errors put the point of it last."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def _parts(schema: Any) -> Iterator[tuple[str, Any]]:
    """A schema's direct sub-schemas with their paths in it."""
    if not isinstance(schema, dict):
        return
    for key in MAPS:
        if isinstance(schema.get(key), dict):
            yield from ((f"{key}.{name}", part) for name, part in schema[key].items())
    for key in LISTS:
        if isinstance(schema.get(key), list):
            yield from ((f"{key}.{index}", part) for index, part in enumerate(schema[key]))
    yield from ((key, schema[key]) for key in SINGLES if key in schema)


def _walk(schema: Any, where: str) -> Iterator[tuple[str, JSON]]:
    """A schema and everything in it, with paths."""
    if isinstance(schema, dict):
        yield where, schema
    for name, part in _parts(schema):
        yield from _walk(part, f"{where}.{name}")
