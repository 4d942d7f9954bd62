"""What all API routes share: how exceptions become the error shape, paging, and the API's home."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import (
    ValidationError as DjangoValidationError,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import exceptions, pagination, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from cortex_site import __version__
from cortex_site.errors import Problem, internal_error, is_api, respond, wants_page
from cortex_site.middleware import Middleware
from inference.errors import InferenceError
from inference.rest import JSONWhateverAccepted
from tooling.errors import ToolError

NON_FIELD = ("non_field_errors", "__all__", "detail")
CODES = {"parse_error": "invalid_json", "throttled": "rate_limited"}


def problem_of(exception: BaseException, where: str) -> Problem:
    """The problem behind any exception; unforeseen ones are logged and get an id."""
    match exception:
        case InferenceError() | ToolError():
            return _domain_problem(exception, where)
        case exceptions.ValidationError():
            return _validation_problem(dict(_leaves(exception.detail)))
        case DjangoValidationError():
            detail = getattr(exception, "message_dict", None) or exception.messages
            return _validation_problem(dict(_leaves(detail)))
        case exceptions.APIException():
            return _api_problem(exception)
        case Http404():
            return Problem(404, "not_found", str(exception) or f"Nothing is at {where}.")
        case PermissionDenied():
            return Problem(403, "permission_denied", str(exception) or "You may not do that.")
        case RequestDataTooBig():
            return Problem(413, "body_too_large", "The request body is too large.")
        case SuspiciousOperation():
            return Problem(400, "bad_request", "The request is malformed.")
    return internal_error(where, exception)


def _domain_problem(error: InferenceError | ToolError, where: str) -> Problem:
    details = dict(error.details)
    field = details.pop("field", None)
    identifier = details.pop("id", None)
    if error.status == 500 and not identifier:
        identifier = internal_error(where, error).id
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Problem(error.status, error.code, str(error), field, details, identifier, headers)


def _validation_problem(leaves: dict[str, str]) -> Problem:
    """The first culprit is `field`; all of them are in `details.fields` where there are several."""
    field, message = next(iter(leaves.items()), ("", "The request is invalid."))
    details = {"fields": leaves} if len(leaves) > 1 else {}
    text = f"{field}: {message}" if field else message
    return Problem(400, "invalid_request", text, field or None, details)


def _api_problem(error: exceptions.APIException) -> Problem:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    message = next(iter(dict(_leaves(error.detail)).values()), str(error))
    return Problem(error.status_code, CODES.get(code, code), message, headers=headers)


def _leaves(detail: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(dotted path, first message) of every field in DRF's or Django's nested error detail."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _leaves(value, path if key in NON_FIELD else (*path, str(key)))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, item in enumerate(detail):
            yield from _leaves(item, (*path, str(index)))
    elif isinstance(detail, list):
        for message in detail[:1]:
            yield ".".join(path), str(message)
    else:
        yield ".".join(path), str(detail)


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """For REST_FRAMEWORK: every exception of an API view, in the one shape."""
    request = context["request"]
    problem = problem_of(exception, f"{request.method} {request.path}")
    set_rollback()
    return Response(problem.body, status=problem.status, headers=problem.headers)


class ApiErrorMiddleware(Middleware):
    """Gives the API's plain Django views the same error shape, also with DEBUG on."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_api(request.path):
            return None
        return respond(request, problem_of(exception, f"{request.method} {request.path}"))


class Pagination(pagination.CursorPagination):
    """Newest first, 50 a page, up to 200 with ?page_size=."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"


INFORMATION = inline_serializer(
    "Information",
    {
        "name": serializers.CharField(),
        "version": serializers.CharField(),
        "description": serializers.CharField(),
        "docs": serializers.CharField(),
        "endpoints": serializers.DictField(child=serializers.CharField()),
    },
)


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
INFORMATION_EXAMPLE = OpenApiExample(
    "This server", INFORMATION_BODY, response_only=True, status_codes=["200"]
)


class InformationView(APIView):
    """What this server is and where its parts are."""

    content_negotiation_class = JSONWhateverAccepted

    @extend_schema(
        operation_id="api_information",
        tags=["info"],
        summary="API information",
        responses=INFORMATION,
        examples=[INFORMATION_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        return Response(INFORMATION_BODY)


class HomeView(InformationView):
    """`/`: the chat page for people, API information for programs."""

    @extend_schema(
        operation_id="root_information",
        tags=["info"],
        summary="API information",
        responses=INFORMATION,
        examples=[INFORMATION_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if wants_page(request):
            return resolve("/", "chat.urls").func(request)
        return super().dispatch(request, *args, **kwargs)


@csrf_exempt  # HostAndOriginMiddleware has looked at it; a 404 is more helpful
def not_found(request: HttpRequest, path: str = "") -> HttpResponse:
    """Unknown API paths, whatever the method and with DEBUG on as well."""
    return respond(request, Problem(404, "not_found", f"There is no API route {request.path}."))
