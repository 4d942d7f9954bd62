"""What a schema tells readers and does not demand, and demands that are easier said otherwise.

JSON Schema takes every keyword that it does not know for an annotation, and `format` too where
nobody knows its name. So they refuse nothing.
"""

from __future__ import annotations

import re

from common.types import JSON

DEMANDS = {
    *("type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"),
    *("properties", "additionalProperties", "patternProperties", "required"),
    *("minProperties", "maxProperties", "items", "prefixItems", "additionalItems"),
    *("minItems", "maxItems", "minLength", "maxLength", "pattern", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
# What no grammar holds.
UNHELD = {
    *("not", "if", "then", "else", "contains", "minContains", "maxContains", "uniqueItems"),
    *("propertyNames", "dependentRequired", "dependentSchemas", "dependencies"),
    *("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"),
}
FORMATS = {
    *("date", "time", "date-time", "duration", "email", "hostname"),
    *("ipv4", "ipv6", "uuid", "uri"),
}
DEFINITIONS = {"$defs", "definitions"}
DRAFT = re.compile(r"https?://json-schema\.org/draft[-/](04|06|07|2019-09|2020-12)/schema#?")
COMPOSED = {"$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "not"} | {
    *("dependentSchemas", "dependencies", "$dynamicRef", "$recursiveRef")
}


def without_hints(part: JSON) -> JSON:
    """A part of a schema with its demands alone, as far as possible in words that grammars know."""
    plain = {key: value for key, value in part.items() if _is_demand(key, value)}
    for simplify in (_names, _unevaluated, _conditions, _items):
        plain = simplify(plain)
    return plain


def _is_demand(key: str, value: object) -> bool:
    if key == "format":
        return value in FORMATS if isinstance(value, str) else False
    if key == "$schema":
        return isinstance(value, str) and bool(DRAFT.fullmatch(value))
    return key in DEMANDS or key in UNHELD or key in DEFINITIONS


def _without(part: JSON, *keys: str) -> JSON:
    return {key: value for key, value in part.items() if key not in keys}


def _names(part: JSON) -> JSON:
    """What names an object may have, as zod says it of records; names are always texts."""
    names = part.get("propertyNames")
    if names is True:
        return _without(part, "propertyNames")
    if not isinstance(names, dict) or names.get("type", "string") != "string":
        return part
    demands = {key for key, value in names.items() if _is_demand(key, value)} - {"type"}
    if not demands:
        return _without(part, "propertyNames")
    if part.keys() & {"properties", "patternProperties"} or part.keys() & COMPOSED:
        return part
    rest = _without(part, "propertyNames") | {"additionalProperties": False}
    value = part.get("additionalProperties", True)
    choices = names.get("enum")
    if demands == {"pattern"}:
        return rest | {"patternProperties": {names["pattern"]: value}}
    if demands == {"enum"} and isinstance(choices, list):
        return rest | {"properties": {name: value for name in choices if isinstance(name, str)}}
    return part


def _unevaluated(part: JSON) -> JSON:
    """Where nothing else evaluates, what is left over is what is not named."""
    if part.keys() & COMPOSED:
        return part
    for key, other in (
        ("unevaluatedProperties", "additionalProperties"),
        ("unevaluatedItems", "items"),
    ):
        if key in part and other not in part and not ("contains" in part and other == "items"):
            part = _without(part, key) | {other: part[key]}
        elif key in part and other in part and not isinstance(part[other], list):
            part = _without(part, key)
    return part


def _conditions(part: JSON) -> JSON:
    """Demands that demand nothing."""
    if "if" not in part or not part.keys() & {"then", "else"}:
        part = _without(part, "if", "then", "else")
    if "contains" not in part or (part.get("minContains") == 0 and "maxContains" not in part):
        part = _without(part, "contains", "minContains", "maxContains")
    empty = [
        key for key in ("dependentRequired", "dependentSchemas", "dependencies") if key in part
    ]
    return _without(part, *(key for key in empty if part[key] == {}))


def _items(part: JSON) -> JSON:
    """No two of at most one item are alike."""
    most = part.get("maxItems")
    is_one = isinstance(most, int | float) and most <= 1
    if part.get("uniqueItems") is False or ("uniqueItems" in part and is_one):
        return _without(part, "uniqueItems")
    return part
