"""What all API routes share: how exceptions are answered, and the API's home."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from common.problems import Problem, foreseen, formatted, logged, problem_at
from common.web.middleware import Middleware
from common.web.openapi import answer, shape
from common.web.rest import JSONWhateverAccepted
from cortex_site import __version__
from cortex_site.errors import is_api, respond, wants_page


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """Answer every exception of an API view, for REST_FRAMEWORK."""
    request = context["request"]
    problem = problem_at(exception, request)
    status, body = formatted(problem, request.path)
    set_rollback()
    return logged(Response(body, status=status, headers=problem.headers), problem)


class ErrorMiddleware(Middleware):
    """Gives plain views the one error shape: the API's always, also with DEBUG on; a page's where
    a service refuses, or where the method is wrong, for which Django has an empty page."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        is_known = foreseen(exception, f"{request.method} {request.path}") is not None
        if not (is_api(request.path) or is_known):
            return None
        return respond(request, problem_at(exception, request))

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        message = f"{request.method} is not taken here, only {response.headers['Allow']}."
        headers = {"Allow": response.headers["Allow"]}
        return respond(request, Problem(405, "method_not_allowed", message, headers=headers))


INFORMATION_BODY = {
    "name": "Cortex",
    "version": __version__,
    "description": "A local AI platform: chat, tools and agents on MLX.",
    "docs": "/docs",
    "endpoints": {
        "health": "/api/health",
        "models": "/api/models",
        "chat": "/api/chat/completions",
        "stream": "/api/chat/completions/stream",
        "websocket": "/api/chat/ws",
        "ask": "/ask",
        "tools": "/api/tools",
        "agents": "/api/agents/info",
        "openai": "/v1",
        "openapi": "/openapi.json",
    },
}
INFORMATION = answer(
    shape(
        "Information",
        INFORMATION_BODY,
        endpoints=serializers.DictField(child=serializers.CharField()),
    ),
    "This server",
    INFORMATION_BODY,
)


class InformationView(APIView):
    """What this server is and where its parts are."""

    content_negotiation_class = JSONWhateverAccepted

    @extend_schema("api_information", tags=["info"], responses=INFORMATION)
    def get(self, request: Request) -> Response:
        """Tell what this server is and where its parts are."""
        return Response(INFORMATION_BODY)


class HomeView(InformationView):
    """`/`: the chat page for people, API information for programs."""

    @extend_schema("root_information", tags=["info"], responses=INFORMATION)
    def get(self, request: Request) -> Response:
        """Give the chat page to people, API information to programs."""
        return super().get(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if wants_page(request):
            return resolve("/", "chat.urls").func(request)
        return super().dispatch(request, *args, **kwargs)


@csrf_exempt  # HostAndOriginMiddleware has looked at it; a 404 is more helpful
def not_found(request: HttpRequest, path: str = "") -> HttpResponse:
    """Unknown API paths, whatever the method and with DEBUG on as well."""
    return respond(request, Problem(404, "not_found", f"There is no API route {request.path}."))
