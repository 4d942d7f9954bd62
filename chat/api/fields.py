"""Serializer fields that take JSON types at their word: "5" is no number, and 5 is no text.

DRF's own fields convert, so that a wrong type would silently become something else; they also let
NaN through their bounds.
"""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inference.types import MOST_STOPS


class Text(serializers.CharField):
    """A JSON string, kept as it is: no trimming, and empty unless `allow_blank=False`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("allow_blank", True)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    """A finite JSON number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            value = float(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class Whole(serializers.IntegerField):
    """A JSON integer; 5.0 is one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            return int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class TextPart(serializers.Serializer[Any]):
    """One part of a message in OpenAI's list form. Only text is understood."""

    type = serializers.ChoiceField(
        choices=["text"], error_messages={"invalid_choice": "Only text parts are accepted."}
    )
    text = Text()


CONTENT_SCHEMA = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "text"],
                "properties": {
                    "type": {"type": "string", "enum": ["text"]},
                    "text": {"type": "string"},
                },
            },
        },
    ]
}


@extend_schema_field(CONTENT_SCHEMA)
class Content(serializers.Field[str, Any, str, Any]):
    """A message's text: a string, or a list of text parts, which are put together."""

    default_error_messages = {"invalid": "Must be a string or a list of text parts."}

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str):
            return Text().run_validation(data)
        if not isinstance(data, list):
            self.fail("invalid")
        parts = TextPart(data=data, many=True)
        parts.is_valid(raise_exception=True)
        return "".join(part["text"] for part in parts.validated_data)


STOP_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MOST_STOPS},
    ]
}


@extend_schema_field(STOP_SCHEMA)
class Stop(serializers.Field[tuple[str, ...], Any, list[str], Any]):
    """Strings that end the answer; one alone may stand without a list."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        if isinstance(data, str):
            return (Text(allow_blank=False).run_validation(data),)
        strings = serializers.ListField(child=Text(allow_blank=False), max_length=MOST_STOPS)
        return tuple(strings.run_validation(data))
