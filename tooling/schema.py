"""What OpenAPI says of the tool routes: shapes, examples and every status."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from inference.openapi import ErrorSerializer

CALCULATOR = {
    "name": "calculator",
    "description": "Evaluate mathematical expressions",
    "parameters": {
        "expression": {
            "name": "expression",
            "type": "string",
            "description": "Mathematical expression to evaluate",
            "required": True,
        }
    },
    "enabled": True,
}


class ToolParameterSerializer(serializers.Serializer[Any]):
    """Besides these four: the JSON Schema keywords that bound the value, and its default."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="A JSON Schema type, such as string or integer.")
    description = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]


class ToolSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField(child=ToolParameterSerializer())
    enabled = serializers.BooleanField()


class ToolListSerializer(serializers.Serializer[Any]):
    tools = ToolSerializer(many=True)


class ToolExecutionRequestSerializer(serializers.Serializer[Any]):
    tool_name = serializers.CharField(max_length=200)
    parameters = serializers.DictField(required=False, help_text="The tool's arguments by name.")


class ToolResultSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    result = serializers.JSONField(help_text="What the tool gave; null where it failed.")
    error = serializers.CharField(allow_null=True, help_text="Why the tool failed.")


class ToolSwitchedSerializer(ToolSerializer):
    success = serializers.BooleanField()


class FunctionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField(help_text="A JSON Schema.")


class FunctionToolSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="Always `function`.")
    function = FunctionSerializer()


class FunctionToolListSerializer(serializers.Serializer[Any]):
    tools = FunctionToolSerializer(many=True)


class ExecutionErrorSerializer(ErrorSerializer):
    """The error shape, with the fields of an execution besides."""

    success = serializers.BooleanField(help_text="Always false.")
    result = serializers.JSONField(help_text="Always null.")


def _errors(execution: bool, *codes: tuple[int, str, str]) -> dict[int, OpenApiResponse]:
    """Responses in the one error shape; those of an execution have its fields besides."""
    kind = ExecutionErrorSerializer if execution else ErrorSerializer
    extra: dict[str, Any] = {"success": False, "result": None} if execution else {}
    return {
        status: OpenApiResponse(
            kind,
            description=message,
            examples=[OpenApiExample(code, {**extra, "error": {"code": code, "message": message}})],
        )
        for status, code, message in codes
    }


SIGN_IN = (401, "not_authenticated", "Authentication credentials were not provided.")
ADMINS = (403, "tool_not_allowed", "Only an admin can change tools.")
UNKNOWN = (404, "tool_not_found", "There is no tool named 'abacus'. Tools: calculator.")
LIMITED = (429, "rate_limited", "Too many requests; see Retry-After.")
BROKEN = (500, "internal_error", "Something went wrong; the id stands in the log.")

tool_list = extend_schema(
    operation_id="tools_list",
    tags=["tools"],
    summary="List all tools",
    responses={200: ToolListSerializer, **_errors(False, SIGN_IN, LIMITED, BROKEN)},
    examples=[OpenApiExample("Tools", {"tools": [CALCULATOR]}, response_only=True)],
)

tool_execute = extend_schema(
    operation_id="tools_execute",
    tags=["tools"],
    summary="Execute a tool",
    description="What goes wrong inside a tool, a time-out included, is status 200 with "
    "`success` false and a text in `error`. What keeps it from running is an HTTP error.",
    request=ToolExecutionRequestSerializer,
    responses={
        200: ToolResultSerializer,
        **_errors(
            True,
            (400, "invalid_arguments", "calculator: parameters.expression is missing."),
            SIGN_IN,
            (403, "tool_not_allowed", "You may not call calculator."),
            UNKNOWN,
            (409, "tool_disabled", "The tool calculator is disabled."),
            (413, "body_too_large", "The request body is too large."),
            (415, "unsupported_media_type", "JSON is asked for."),
            LIMITED,
            BROKEN,
            (503, "tools_busy", "64 tool calls are running already; try again shortly."),
        ),
    },
    examples=[
        OpenApiExample(
            "Calculator",
            {"tool_name": "calculator", "parameters": {"expression": "2**10 + sqrt(144)"}},
            request_only=True,
        ),
        OpenApiExample(
            "Web search",
            {
                "tool_name": "web_search",
                "parameters": {"query": "Python programming tutorial", "num_results": 3},
            },
            request_only=True,
        ),
        OpenApiExample(
            "Success",
            {"success": True, "result": "1036", "error": None},
            response_only=True,
            status_codes=["200"],
        ),
        OpenApiExample(
            "The tool failed",
            {"success": False, "result": None, "error": "Division by zero."},
            response_only=True,
            status_codes=["200"],
        ),
    ],
)


def _switch(verb: str) -> Any:
    switched = {"success": True, **CALCULATOR, "enabled": verb == "enable"}
    return extend_schema(
        operation_id=f"tools_{verb}",
        tags=["tools"],
        summary=f"{verb.capitalize()} a tool",
        description="Holds at once, for everyone and in every process.",
        request=None,
        responses={
            200: ToolSwitchedSerializer,
            **_errors(False, SIGN_IN, ADMINS, UNKNOWN, LIMITED, BROKEN),
        },
        examples=[OpenApiExample("Done", switched, response_only=True, status_codes=["200"])],
    )


tool_enable = _switch("enable")
tool_disable = _switch("disable")

openai_definitions = extend_schema(
    operation_id="tools_definitions_openai",
    tags=["tools"],
    summary="The enabled tools in OpenAI's function calling format",
    responses={200: FunctionToolListSerializer, **_errors(False, SIGN_IN, LIMITED, BROKEN)},
    examples=[
        OpenApiExample(
            "Definitions",
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "calculator",
                            "description": "Evaluate mathematical expressions",
                            "parameters": {
                                "type": "object",
                                "properties": {
                                    "expression": {
                                        "type": "string",
                                        "description": "Mathematical expression to evaluate",
                                    }
                                },
                                "required": ["expression"],
                                "additionalProperties": False,
                            },
                        },
                    }
                ]
            },
            response_only=True,
        )
    ],
)
