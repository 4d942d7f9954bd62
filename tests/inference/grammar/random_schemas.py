"""JSON Schemas at random: what people write, oddly combined; some that no grammar can hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

NAMES = (
    "name",
    "id",
    "größe",
    "名前",
    "first name",
    'a"b',
    "tab\t",
    "🌲",
    "x.y",
    "$ref",
    "",
    "back\\slash",
)
WORDS = ("red", "green", "été", "日本", "", "a\nb", '"quoted"', "0", "null")
FORMATS = (
    "date",
    "time",
    "date-time",
    "email",
    "ipv4",
    "ipv6",
    "uuid",
    "hostname",
    "duration",
    "uri",
)
PATTERNS = (
    r"^[a-z]{1,8}$",
    r"^\d{3}-\d{4}$",
    r"^(red|green|blue)$",
    r"^[A-ZÄÖÜ][a-zäöü]{0,9}$",
    r"^v\d+\.\d+$",
    r"[0-9]",
    r"^\S{1,10}$",
    r"^.{0,6}$",
)
# Valid JSON Schema that no grammar of ours can guarantee.
UNSUPPORTED: tuple[Schema, ...] = (
    {"not": {"type": "string"}},
    {"type": "array", "uniqueItems": True},
    {"type": "array", "contains": {"type": "integer"}},
    {"if": {"type": "string"}, "then": {"minLength": 1}},
    {"type": "object", "propertyNames": {"maxLength": 3}},
    {"type": "object", "dependentRequired": {"a": ["b"]}},
    {"type": "object", "minProperties": 2},
    {"type": "string", "pattern": "^(?=a)b"},
    {"type": "string", "pattern": r"^(a)\1$"},
    {"type": "string", "format": "a format of my own"},
    {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    {"$ref": "https://example.com/schema.json"},
)
UNSUPPORTED_SHARE = 0.03


class SchemaMaker:
    """Draws schemas of at most `depth` levels; they may refer to the definitions they bring."""

    def __init__(self, source: random.Random, *, depth: int = 3) -> None:
        self._random = source
        self._depth = depth
        self._names: list[str] = []

    def make(self) -> Schema:
        """A whole schema."""
        self._names = [f"d{index}" for index in range(self._random.randint(0, 2))]
        schema = self._schema(self._depth)
        if self._names:
            definitions = {name: self._leaf() for name in self._names}
            if self._random.random() < 0.3:
                definitions[self._names[0]] = self._recursive(self._names[0])
            schema["$defs"] = definitions
        return schema

    def _schema(self, depth: int) -> Schema:
        if self._random.random() < UNSUPPORTED_SHARE:
            return dict(self._random.choice(UNSUPPORTED))
        if depth == 0:
            return self._leaf()
        kinds: list[Callable[[int], Schema]] = [
            self._object,
            self._object,
            self._object,
            self._array,
            self._tuple,
            self._any_of,
            self._all_of,
            self._reference,
            lambda _: self._leaf(),
        ]
        return self._random.choice(kinds)(depth - 1)

    def _leaf(self) -> Schema:
        leaves = (
            self._text,
            self._text,
            self._integer,
            self._number,
            self._enum,
            self._const,
            lambda: {"type": "boolean"},
            lambda: {"type": "null"},
            lambda: {"type": self._random.sample(["integer", "boolean", "null"], 2)},
        )
        return self._random.choice(leaves)()

    def _text(self) -> Schema:
        match self._random.randrange(4):
            case 0:
                return {"type": "string", "pattern": self._random.choice(PATTERNS)}
            case 1:
                return {"type": "string", "format": self._random.choice(FORMATS)}
            case 2:
                least = self._random.randint(0, 4)
                return {
                    "type": "string",
                    "minLength": least,
                    "maxLength": least + self._random.randint(0, 8),
                }
        return {"type": "string", "maxLength": 12}

    def _integer(self) -> Schema:
        schema: Schema = {"type": "integer", "maximum": self._random.randint(0, 10_000)}
        if self._random.random() < 0.7:
            schema["minimum"] = schema["maximum"] - self._random.randint(0, 300)
        if self._random.random() < 0.2:
            schema["multipleOf"] = self._random.choice([2, 3, 5, 10])
            schema["minimum"] = schema["maximum"] - 300
        return schema

    def _number(self) -> Schema:
        low = self._random.choice([-10, -1.5, 0, 0.25, 3])
        lower = self._random.choice(["minimum", "exclusiveMinimum"])
        upper = self._random.choice(["maximum", "exclusiveMaximum"])
        return {"type": "number", lower: low, upper: low + self._random.choice([0.5, 2, 100])}

    def _enum(self) -> Schema:
        values: list[Any] = [*WORDS, 1, -2.5, True, None, [1, "a"], {"k": [False]}]
        return {"enum": self._random.sample(values, self._random.randint(1, 5))}

    def _const(self) -> Schema:
        return {"const": self._random.choice([*WORDS, 7, 1.5, None, {"größe": [1]}])}

    def _object(self, depth: int) -> Schema:
        names = self._random.sample(NAMES, self._random.randint(0, 4))
        schema: Schema = {
            "type": "object",
            "properties": {name: self._schema(depth) for name in names},
            "required": [name for name in names if self._random.random() < 0.6],
        }
        match self._random.randrange(4):
            case 0 | 1:
                schema["additionalProperties"] = False
            case 2:
                schema["additionalProperties"] = self._leaf()
        if self._random.random() < 0.15:
            schema["patternProperties"] = {"^x-[a-z]{1,4}$": self._leaf()}
        if self._random.random() < 0.15:
            schema["maxProperties"] = max(1, len(names))
        return schema

    def _array(self, depth: int) -> Schema:
        least = self._random.randint(0, 2)
        most = least + self._random.randint(0, 2)
        return {
            "type": "array",
            "items": self._schema(depth),
            "minItems": least,
            "maxItems": most,
        }

    def _tuple(self, depth: int) -> Schema:
        items = [self._schema(depth) for _ in range(self._random.randint(1, 2))]
        return {
            "type": "array",
            "prefixItems": items,
            "items": False,
            "minItems": self._random.randint(0, len(items)),
        }

    def _any_of(self, depth: int) -> Schema:
        return {"anyOf": [self._schema(depth) for _ in range(self._random.randint(1, 3))]}

    def _all_of(self, depth: int) -> Schema:
        parts = [self._object(depth), {"required": [self._random.choice(NAMES)]}]
        return {"allOf": parts} if self._random.random() < 0.5 else {**parts[0], "allOf": parts[1:]}

    def _reference(self, depth: int) -> Schema:
        if not self._names:
            return self._leaf()
        return {"$ref": f"#/$defs/{self._random.choice(self._names)}"}

    def _recursive(self, name: str) -> Schema:
        """A tree that may end at any node."""
        children = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "maxItems": 1}
        return {
            "type": "object",
            "properties": {"value": self._leaf(), "children": children},
            "required": ["value"],
            "additionalProperties": False,
        }
