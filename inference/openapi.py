"""The one error shape, as OpenAPI says it; every route's description takes it from here."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="The cause, for programs.")
    message = serializers.CharField(help_text="The cause, for people.")
    field = serializers.CharField(
        required=False, help_text="Dotted path of the culprit, such as messages.0.role."
    )
    details = serializers.DictField(required=False, help_text="Figures that belong to the cause.")
    id = serializers.CharField(required=False, help_text="Stands in the server's log.")


class ErrorSerializer(serializers.Serializer[Any]):
    """The one error shape."""

    error = ErrorDetailSerializer()


def error_response(
    status: int, text: str, code: str, message: str, **extra: Any
) -> dict[int, OpenApiResponse]:
    """A response in the error shape, with an example; to be merged into `responses`."""
    body = {"error": {"code": code, "message": message, **extra}}
    example = OpenApiExample(text, body, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(ErrorSerializer, text, examples=[example])}
