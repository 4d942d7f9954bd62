"""Serializer fields for the ways in which servers are asked for structure: vLLM's, SGLang's,
llama.cpp's and our own. All of them become a constraint."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.api.structure import LINE, LINES, Form, Grammar, ResponseFormatSerializer, Schema
from inference.types import Constraint

SCHEMA_WORDS = {"type", "properties", "$ref", "anyOf", "allOf", "oneOf", "enum", "const", "items"}
JSON_FORM_SCHEMA = {
    "oneOf": [
        {"type": "object", "additionalProperties": True},
        {"type": "string", "minLength": 1, "description": "The schema as JSON text."},
    ]
}


@extend_schema_field(JSON_FORM_SCHEMA)
class JSONForm(serializers.Field[Constraint, Any, Any, Any]):
    """A JSON Schema, or its text; also as OpenAI wraps it, with a name beside it."""

    def to_internal_value(self, data: Any) -> Constraint:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                raise serializers.ValidationError("Must be a JSON Schema, or its text.") from None
        schema = Schema().run_validation(data)
        if isinstance(schema.get("schema"), dict) and not schema.keys() & SCHEMA_WORDS:
            schema = schema["schema"]
        return Constraint("json_schema", schema)


@extend_schema_field({"type": "string", "minLength": 1})
class RegexForm(serializers.Field[Constraint, Any, Any, Any]):
    """A regular expression that the whole answer matches."""

    def to_internal_value(self, data: Any) -> Constraint:
        return Constraint("regex", LINE.run_validation(data))


@extend_schema_field({"type": "string", "minLength": 1})
class GrammarForm(serializers.Field[Constraint, Any, Any, Any]):
    """A grammar: Lark, or GBNF as llama.cpp and vLLM write it."""

    def to_internal_value(self, data: Any) -> Constraint:
        return Constraint("lark", LINE.run_validation(data))


@extend_schema_field({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1})
class ChoiceForm(serializers.Field[Constraint, Any, Any, Any]):
    """Texts, one of which is the answer."""

    def to_internal_value(self, data: Any) -> Constraint:
        return Constraint("choice", LINES.run_validation(data))


OUTPUTS: dict[str, Callable[[], serializers.Field[Any, Any, Any, Any]]] = {
    "json": JSONForm,
    "regex": RegexForm,
    "choice": ChoiceForm,
    "grammar": GrammarForm,
}
OUTPUTS_SCHEMA = {
    "type": "object",
    "properties": {
        "json": JSON_FORM_SCHEMA,
        "regex": {"type": "string", "minLength": 1},
        "choice": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        "grammar": {"type": "string", "minLength": 1},
        "json_object": {"type": "boolean"},
    },
    "additionalProperties": True,
}


@extend_schema_field(OUTPUTS_SCHEMA)
class StructuredOutputs(serializers.Field[Form, Any, Any, Any]):
    """vLLM's: exactly one of `json`, `regex`, `choice`, `grammar` and `json_object`."""

    default_error_messages = {
        "invalid": "Must be an object with one of json, regex, choice, grammar and json_object.",
    }

    def to_internal_value(self, data: Any) -> Form:
        if not isinstance(data, dict):
            self.fail("invalid")
        if data.get("structural_tag") is not None:
            raise serializers.ValidationError({"structural_tag": "Is not supported."})
        given = [key for key in OUTPUTS if data.get(key) is not None]
        if data.get("json_object") is True:
            given.append("json_object")
        if len(given) != 1:
            self.fail("invalid")
        (key,) = given
        if key == "json_object":
            return key, Constraint("json_object")
        try:
            return key, OUTPUTS[key]().run_validation(data[key])
        except serializers.ValidationError as error:
            raise serializers.ValidationError({key: error.detail}) from None


class FormsSerializer(serializers.Serializer[Any]):
    """All the ways to ask for structure. At most one of them may be used."""

    form_names = (
        *("guided_json", "guided_regex", "guided_choice", "guided_grammar"),
        *("structured_outputs", "json_schema", "regex", "ebnf", "grammar"),
    )

    response_format = ResponseFormatSerializer(required=False, allow_null=True)
    guided_json = JSONForm(required=False, allow_null=True)
    guided_regex = RegexForm(required=False, allow_null=True)
    guided_choice = ChoiceForm(required=False, allow_null=True)
    guided_grammar = Grammar(required=False, allow_null=True)
    structured_outputs = StructuredOutputs(required=False, allow_null=True)
    json_schema = JSONForm(required=False, allow_null=True)
    regex = RegexForm(required=False, allow_null=True)
    ebnf = GrammarForm(required=False, allow_null=True)
    grammar = GrammarForm(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        used = [path.partition(".")[0] for path, _ in forms_of(attrs)]
        if len(used) > 1:
            raise serializers.ValidationError({used[1]: f"Cannot be combined with {used[0]}."})
        return attrs

    @property
    def form(self) -> Form | None:
        """What the answer must match, and which field says so."""
        return next(iter(forms_of(self.validated_data)), None)


def forms_of(data: dict[str, Any]) -> list[Form]:
    """The ways that a request uses, OpenAI's own first."""
    found: list[Form] = []
    if response_format := ResponseFormatSerializer.form(data.get("response_format")):
        found.append(response_format)
    for name in FormsSerializer.form_names:
        value = data.get(name)
        if isinstance(value, Constraint):
            found.append((name, value))
        elif value is not None:
            found.append((f"{name}.{value[0]}", value[1]))
    return found
