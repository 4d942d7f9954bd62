"""The REST routes of tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.bridge import iterate
from common.web.rest import AsyncAPIView
from common.web.users import user_of
from tooling import services
from tooling.base import ToolResult
from tooling.web import openapi


class ToolListView(APIView):
    """GET /api/tools."""

    @openapi.tool_list
    def get(self, request: Request) -> Response:
        """List all tools."""
        tools = services.tool_list(caller=user_of(request))
        return Response({"tools": [tool.as_json() for tool in tools]})


class ToolExecuteView(AsyncAPIView):
    """POST /api/tools/execute. A client that leaves ends its call."""

    @openapi.tool_execute
    async def post(self, request: Request) -> Response:
        """Execute a tool.

        What goes wrong inside a tool, a time-out included, is status 200 with `success` false and a
        text in `error`. What keeps it from running is an HTTP error.
        """
        body = (
            await self.validated(request, openapi.ToolExecutionRequestSerializer)
        ).validated_data

        def execution() -> Iterator[ToolResult]:
            yield services.tool_execute(
                name=body["tool_name"],
                arguments=body.get("parameters", {}),
                caller=user_of(request),
            )

        result = await anext(iterate(execution))
        return Response(result.as_json())

    def handle_exception(self, exc: Exception) -> Response:
        """Give the one error shape, with the fields besides that every answer of this route has."""
        response = super().handle_exception(exc)
        response.data = {"success": False, "result": None, **response.data}
        return response


class ToolSwitchView(APIView):
    """POST /api/tools/{tool_name}/enable and /disable."""

    enabled = True

    def post(self, request: Request, tool_name: str) -> Response:
        tool = services.tool_configure(name=tool_name, by=user_of(request), enabled=self.enabled)
        return Response({"success": True, **tool.as_json()})


class ToolEnableView(ToolSwitchView):
    @openapi.tool_enable
    def post(self, request: Request, tool_name: str) -> Response:
        """Enable a tool, at once, for everyone and in every process."""
        return super().post(request, tool_name)


class ToolDisableView(ToolSwitchView):
    enabled = False

    @openapi.tool_disable
    def post(self, request: Request, tool_name: str) -> Response:
        """Disable a tool, at once, for everyone and in every process."""
        return super().post(request, tool_name)


class OpenAIDefinitionsView(APIView):
    """GET /api/tools/definitions/openai."""

    @openapi.openai_definitions
    def get(self, request: Request) -> Response:
        """Give the enabled tools in OpenAI's function calling format."""
        specs = services.tool_specs(caller=user_of(request))
        functions = [{"type": "function", "function": asdict(spec)} for spec in specs]
        return Response({"tools": functions})
