"""The REST routes of tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.bridge import iterate
from inference.rest import AsyncAPIView
from tooling import schema, services
from tooling.base import ToolResult


def caller_of(request: Request) -> User:
    return cast(User, request.user)  # IsAuthenticated stands before every route


class ToolListView(APIView):
    """GET /api/tools."""

    @schema.tool_list
    def get(self, request: Request) -> Response:
        tools = services.tool_list(caller=caller_of(request))
        return Response({"tools": [tool.as_json() for tool in tools]})


class ToolExecuteView(AsyncAPIView):
    """POST /api/tools/execute. A client that leaves ends its call."""

    class Input(serializers.Serializer[Any]):
        tool_name = serializers.CharField(max_length=200)
        parameters = serializers.DictField(required=False, default=dict)

    @schema.tool_execute
    async def post(self, request: Request) -> Response:
        body = (await self.validated(request, self.Input)).validated_data

        def execution() -> Iterator[ToolResult]:
            yield services.tool_execute(
                name=body["tool_name"], arguments=body["parameters"], caller=caller_of(request)
            )

        result = await anext(iterate(execution))
        return Response(result.as_json())

    def handle_exception(self, exc: Exception) -> Response:
        """The one error shape, with the fields besides that every answer of this route has."""
        response = super().handle_exception(exc)
        response.data = {"success": False, "result": None, **response.data}
        return response


class ToolSwitchView(APIView):
    """POST /api/tools/{tool_name}/enable and /disable."""

    enabled = True

    def post(self, request: Request, tool_name: str) -> Response:
        tool = services.tool_configure(name=tool_name, by=caller_of(request), enabled=self.enabled)
        return Response({"success": True, **tool.as_json()})


class ToolEnableView(ToolSwitchView):
    @schema.tool_enable
    def post(self, request: Request, tool_name: str) -> Response:
        return super().post(request, tool_name)


class ToolDisableView(ToolSwitchView):
    enabled = False

    @schema.tool_disable
    def post(self, request: Request, tool_name: str) -> Response:
        return super().post(request, tool_name)


class OpenAIDefinitionsView(APIView):
    """GET /api/tools/definitions/openai."""

    @schema.openai_definitions
    def get(self, request: Request) -> Response:
        specs = services.tool_specs(caller=caller_of(request))
        return Response(
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": spec.name,
                            "description": spec.description,
                            "parameters": spec.parameters,
                        },
                    }
                    for spec in specs
                ]
            }
        )
