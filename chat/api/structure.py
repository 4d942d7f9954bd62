"""Serializer fields of OpenAI's routes that say what an answer must look like."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.api.fields import Flag, Number, Text, Whole
from common.jsons import is_deeper
from common.types import JSON
from inference.types import LOGIT_BIAS, MOST_BIASES, Constraint

MAX_DEPTH = 63  # objects and lists inside each other
LARGEST_TOKEN = 2**31 - 1
Form = tuple[str, Constraint]  # a path in the request, and what it demands
LINE = Text(allow_blank=False)
LINES = serializers.ListField(child=Text(allow_blank=False), allow_empty=False, max_length=1000)


@extend_schema_field({"type": "object", "additionalProperties": True})
class Schema(serializers.Field[JSON, Any, JSON, Any]):
    """A JSON Schema, whose keywords the engine checks."""

    default_error_messages = {"invalid": "Must be a JSON Schema: an object."}

    def to_internal_value(self, data: Any) -> JSON:
        if not isinstance(data, dict):
            self.fail("invalid")
        if is_deeper(data, MAX_DEPTH):
            raise serializers.ValidationError("Is nested too deeply.")
        return data


class JSONSchemaSerializer(serializers.Serializer[Any]):
    name = Text(allow_blank=False, max_length=64)
    schema = Schema()
    strict = Flag(
        required=False,
        allow_null=True,
        help_text="false: what no grammar can hold of the schema is let pass, and not refused.",
    )


class ResponseFormatSerializer(serializers.Serializer[Any]):
    """Free text, any JSON object, or JSON that fits a schema."""

    type = serializers.ChoiceField(choices=["text", "json_object", "json_schema"])
    json_schema = JSONSchemaSerializer(required=False, allow_null=True)
    schema = Schema(required=False, allow_null=True, help_text="Of a json_object.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["type"] == "json_schema" and not attrs.get("json_schema"):
            raise serializers.ValidationError({"json_schema": "This field is required."})
        return attrs

    @staticmethod
    def form(data: dict[str, Any] | None) -> Form | None:
        """Tell what the answer must match, token by token; None for free text."""
        match data:
            case {"type": "json_object", "schema": dict() as schema}:
                return "response_format.schema", Constraint("json_schema", schema)
            case {"type": "json_object"}:
                return "response_format", Constraint("json_object")
            case {"type": "json_schema", "json_schema": {"schema": schema, **others}}:
                constraint = Constraint("json_schema", schema, others.get("strict") is not False)
                return "response_format.json_schema.schema", constraint
        return None


GRAMMAR_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1, "description": "A grammar in Lark, or in GBNF."},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                "lark": {"type": "string", "minLength": 1},
                "regex": {"type": "string", "minLength": 1},
                "choice": {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                },
            },
        },
    ]
}


@extend_schema_field(GRAMMAR_SCHEMA)
class Grammar(serializers.Field[Constraint, Any, Any, Any]):
    """A grammar in Lark or GBNF, or Cortex's own: one of {"lark"}, {"regex"}, {"choice": [...]}."""

    default_error_messages = {
        "invalid": 'Must be a Lark grammar, {"lark": ...}, {"regex": ...} or {"choice": [...]}.'
    }

    def to_internal_value(self, data: Any) -> Constraint:
        match {"lark": data} if isinstance(data, str) else data:
            case {"lark": value, **others} if not others:
                return Constraint("lark", LINE.run_validation(value))
            case {"regex": value, **others} if not others:
                return Constraint("regex", LINE.run_validation(value))
            case {"choice": value, **others} if not others:
                return Constraint("choice", LINES.run_validation(value))
            case _:
                raise serializers.ValidationError(self.error_messages["invalid"])


TOOL_CHOICE_SCHEMA = {
    "oneOf": [
        {"type": "string", "enum": ["none", "auto", "required"]},
        {
            "type": "object",
            "required": ["type", "function"],
            "properties": {
                "type": {"type": "string", "enum": ["function"]},
                "function": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                },
            },
        },
    ]
}


@extend_schema_field(TOOL_CHOICE_SCHEMA)
class ToolChoice(serializers.Field[str, Any, Any, Any]):
    """`none`, `auto`, `required`, or the name out of {"type": "function", "function": {...}}."""

    modes = ("none", "auto", "required")
    default_error_messages = {
        "invalid": 'Must be "none", "auto", "required" or name a function.',
    }

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and data in self.modes:
            return data
        function = data.get("function") if isinstance(data, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str):
            self.fail("invalid")
        return name


TOKENS_SCHEMA = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_TOKEN},
    "minItems": 1,
}
PROMPT_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        TOKENS_SCHEMA,
        {"type": "array", "items": TOKENS_SCHEMA, "minItems": 1},
    ]
}
RawPrompt = str | tuple[int, ...]


class Token(Whole):
    """The id of a token."""

    def __init__(self) -> None:
        super().__init__(min_value=0, max_value=LARGEST_TOKEN)


TOKENS = serializers.ListField(child=Token(), allow_empty=False)
PROMPTS = serializers.ListField(child=TOKENS, allow_empty=False, max_length=1000)


@extend_schema_field(PROMPT_SCHEMA)
class Prompt(serializers.Field[list[RawPrompt], Any, Any, Any]):
    """One text, or several, which are answered one by one; or the ids of tokens in their stead."""

    def to_internal_value(self, data: Any) -> list[RawPrompt]:
        if isinstance(data, str):
            return [LINE.run_validation(data)]
        first = data[0] if isinstance(data, list) and data else ""
        if isinstance(first, int | float):
            return [tuple(TOKENS.run_validation(data))]
        if isinstance(first, list):
            return [tuple(tokens) for tokens in PROMPTS.run_validation(data)]
        prompts: list[RawPrompt] = LINES.run_validation(data)
        return prompts


BIAS_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "number",
        "minimum": LOGIT_BIAS.low,
        "maximum": LOGIT_BIAS.high,
    },
    "maxProperties": MOST_BIASES,
}


@extend_schema_field(BIAS_SCHEMA)
class LogitBias(serializers.Field[tuple[tuple[int, float], ...], Any, Any, Any]):
    """What is added to the logits of tokens, by their ids."""

    default_error_messages = {
        "invalid": "Must be an object from ids of tokens to numbers.",
        "many": f"At most {MOST_BIASES} tokens may have a bias.",
        "token": "{name} is not the id of a token.",
    }

    def to_internal_value(self, data: Any) -> tuple[tuple[int, float], ...]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > MOST_BIASES:
            self.fail("many")
        number = Number(min_value=LOGIT_BIAS.low, max_value=LOGIT_BIAS.high)
        biases = []
        for name, bias in data.items():
            if not (name.isascii() and name.isdigit() and len(name) < 11):
                self.fail("token", name=name[:20])
            if int(name) > LARGEST_TOKEN:
                self.fail("token", name=name)
            biases.append((int(name), number.run_validation(bias)))
        return tuple(biases)


@extend_schema_field({"nullable": True})
class Unsupported(serializers.Field[None, Any, None, Any]):
    """A field that would change the answer and cannot be honoured; empty, it does no harm."""

    default_error_messages = {"unsupported": "Is not supported."}

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True, help_text="Not supported.")

    def to_internal_value(self, data: Any) -> None:
        if data not in ({}, [], "", 0, False):
            self.fail("unsupported")
