"""Serializer fields of OpenAI's routes that say what an answer must look like."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.api.fields import Text
from common.types import JSON
from inference.types import Constraint

MAX_DEPTH = 64
LINE = Text(allow_blank=False)
LINES = serializers.ListField(child=Text(allow_blank=False), allow_empty=False, max_length=1000)


def depth_check(value: Any) -> None:
    """ValidationError for JSON that is nested so deeply that it can only do harm."""
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > MAX_DEPTH:
            raise serializers.ValidationError("Is nested too deeply.")
        layer = [child for item in layer for child in _children(item)]


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


@extend_schema_field({"type": "object", "additionalProperties": True})
class Schema(serializers.Field[JSON, Any, JSON, Any]):
    """A JSON Schema, whose keywords the engine checks."""

    default_error_messages = {"invalid": "Must be a JSON Schema: an object."}

    def to_internal_value(self, data: Any) -> JSON:
        if not isinstance(data, dict):
            self.fail("invalid")
        depth_check(data)
        return data


class JSONSchemaSerializer(serializers.Serializer[Any]):
    name = Text(allow_blank=False, max_length=64)
    schema = Schema()


class ResponseFormatSerializer(serializers.Serializer[Any]):
    """Free text, any JSON object, or JSON that fits a schema."""

    type = serializers.ChoiceField(choices=["text", "json_object", "json_schema"])
    json_schema = JSONSchemaSerializer(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["type"] == "json_schema" and not attrs.get("json_schema"):
            raise serializers.ValidationError({"json_schema": "This field is required."})
        return attrs

    @staticmethod
    def build(data: dict[str, Any] | None) -> Constraint | None:
        """Tell what the answer must match, token by token."""
        match (data or {}).get("type"):
            case "json_object":
                return Constraint("json_object")
            case "json_schema" if data:
                return Constraint("json_schema", data["json_schema"]["schema"])
        return None


GRAMMAR_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1, "description": "A Lark grammar."},
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
    """Cortex's extension: a Lark grammar, or one of {"lark"}, {"regex"}, {"choice": [...]}."""

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


PROMPT_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}


@extend_schema_field(PROMPT_SCHEMA)
class Prompt(serializers.Field[list[str], Any, Any, Any]):
    """One text, or several, which are answered one by one. Token ids are not taken."""

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, str):
            return [LINE.run_validation(data)]
        prompts: list[str] = LINES.run_validation(data)
        return prompts


@extend_schema_field({"nullable": True})
class Unsupported(serializers.Field[None, Any, None, Any]):
    """A field that would change the answer and cannot be honoured; empty, it does no harm."""

    default_error_messages = {"unsupported": "Is not supported."}

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True, help_text="Not supported.")

    def to_internal_value(self, data: Any) -> None:
        if data not in ({}, [], "", 0, False):
            self.fail("unsupported")
