"""Reading what requests carry: bodies, frames and forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django import forms
from django.conf import settings
from django.forms.fields import InvalidJSONInput
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from common.errors import InvalidRequest
from common.jsons import TooDeep, json_read


def body_read(text: str, **options: Any) -> Any:
    """Read a body or a frame, with the options of `json.loads`. Raises ParseError, or
    InvalidRequest that names what is nested too deeply."""
    try:
        return json_read(text, **options)
    except ValueError as error:
        if isinstance(error, TooDeep) and error.place:
            raise InvalidRequest(f"{error.place}: {error}.", field=error.place) from None
        raise ParseError(f"JSON parse error - {error}") from None


class BoundedJSONParser(JSONParser):
    """JSON bodies within the limits of `common.jsons`."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = stream.read().decode(encoding)
        except (LookupError, ValueError) as error:  # an unknown charset, or not in it
            raise ParseError(f"JSON parse error - {error}") from None
        return body_read(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


class JSONField(forms.JSONField):
    """A form's field of JSON. Django's own breaks on what is nested too deeply and on numbers that
    are too long, which are mistakes like any other."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value not in self.empty_values:
            try:
                json_read(value)
            except ValueError as error:
                if not isinstance(error, json.JSONDecodeError):  # which Django tells
                    raise forms.ValidationError(f"This is not JSON: {error}.") from error
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            json_read(data or "null")
        except ValueError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)
