"""A tool's parameters as the formats see them that are not JSON: text, or JSON of one type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.types import JSON
from inference.grammar.schema.parts import reference_path, schema_definitions, schema_map
from inference.types import ToolSpec

Kind = Literal["text", "integer", "number", "boolean", "null", "array", "object", "mixed"]

NOTES = {"title", "description", "default", "examples", "$comment", "deprecated"}
WHOLE = {"$schema", "$id", "$defs", "definitions", "type", "properties", "required"}
TEXT = {"type", "enum", "const", "minLength", "maxLength"}
PYTHON_TYPES: dict[type, Kind] = {
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}
DEEPEST = 8
EXACT = 1 << 53  # the parsers of some formats read every number as a float


@dataclass(frozen=True, slots=True)
class Parameter:
    """`schema` is whole: it brings the definitions that it refers to. `nullable` when null may
    stand instead of a value of `kind`."""

    name: str
    schema: JSON
    kind: Kind
    nullable: bool
    required: bool

    @property
    def whole_schema(self) -> JSON:
        """The schema for JSON; a text's was cut down to what concerns texts."""
        if self.kind != "text" or not self.nullable:
            return self.schema
        return {"anyOf": [self.schema, {"type": "null"}]}

    @property
    def choices(self) -> list[str] | None:
        """The texts that a text parameter may be; None for any."""
        if "const" in self.schema:
            return [self.schema["const"]]
        values = self.schema.get("enum")
        return None if values is None else [value for value in values if isinstance(value, str)]


def parameters(tool: ToolSpec) -> list[Parameter] | None:
    """What a tool takes, by name; None when its schema says more than that."""
    schema = tool.parameters
    names, required = schema.get("properties", {}), schema.get("required", [])
    if set(schema) - WHOLE - NOTES - {"additionalProperties"} or not set(required) <= set(names):
        return None
    return [_parameter(name, schema, name in required) for name in names]


def _parameter(name: str, root: JSON, required: bool) -> Parameter:
    schema = _resolved(root["properties"][name], root)
    kinds = set(_kinds(schema, root))
    nullable = "null" in kinds and len(kinds) > 1
    others = kinds - {"null"} if nullable else kinds
    kind: Kind = others.pop() if len(others) == 1 else "mixed"
    plain = _text_alone(schema, root) if kind == "text" else None
    if kind == "text" and plain is None:
        kind = "mixed"
    whole = {**schema_definitions(root), **schema} if plain is None else plain
    return Parameter(name, whole, kind, nullable, required)


def _resolved(schema: Any, root: JSON) -> JSON:
    """The schema that a reference alone stands for."""
    seen = 0
    while isinstance(schema, dict) and "$ref" in schema and not set(schema) - NOTES - {"$ref"}:
        path = reference_path(schema["$ref"])
        target: Any = root
        for step in path or ():
            target = target[int(step) if isinstance(target, list) else step]
        schema, seen = target, seen + 1
        if path is None or seen > len(root):
            break
    return schema if isinstance(schema, dict) else {}


def _kinds(schema: JSON, root: JSON, depth: int = 0) -> Iterator[Kind]:
    """The types of value that a schema lets pass."""
    if depth > DEEPEST:
        yield "mixed"
    elif "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        yield from (PYTHON_TYPES[type(value)] for value in values)
    elif "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        yield from ("text" if each == "string" else each for each in types)
    elif "anyOf" in schema and not set(schema) - NOTES - {"anyOf"}:
        for part in schema["anyOf"]:
            yield from _kinds(_resolved(part, root), root, depth + 1)
    else:
        yield "mixed"


def _text_alone(schema: JSON, root: JSON) -> JSON | None:
    """What is demanded of a text beside its being one; None when it is more than a length or a
    choice, or when there are several ways to be one."""
    if "anyOf" in schema:
        parts = [_resolved(part, root) for part in schema["anyOf"]]
        texts = [part for part in parts if set(_kinds(part, root)) != {"null"}]
        return _text_alone(texts[0], root) if len(texts) == 1 else None
    plain = {key: value for key, value in schema.items() if key not in NOTES}
    if set(plain) - TEXT or len(plain.keys() & {"enum", "const"}) > 1:
        return None
    if plain.keys() & {"enum", "const"} and plain.keys() & {"minLength", "maxLength"}:
        return None
    return plain


def exact_numbers(schema: JSON) -> JSON:
    """The schema with numbers that a float holds, so that a reader of floats reads them right."""

    def bound(part: JSON) -> JSON:
        limits = {"integer": EXACT, "number": 10**15}
        types = part["type"] if isinstance(part.get("type"), list) else [part.get("type")]
        limit = next((limits[each] for each in types if each in limits), None)
        if limit is None or part.keys() & {"enum", "const"}:
            return part
        low = {} if part.keys() & {"minimum", "exclusiveMinimum"} else {"minimum": -limit}
        high = {} if part.keys() & {"maximum", "exclusiveMaximum"} else {"maximum": limit}
        return {**part, **low, **high}

    changed: JSON = schema_map(schema, bound)
    return changed


def typed_tools(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The tools with each parameter reduced to its type, for readers that know no more."""
    return [ToolSpec(tool.name, tool.description, _typed_schema(tool)) for tool in tools]


def _typed_schema(tool: ToolSpec) -> JSON:
    known = parameters(tool) or []
    kinds = {each.name: "string" if each.kind == "text" else each.kind for each in known}
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
