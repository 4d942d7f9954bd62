"""One error shape for everything that is not a page, and designed pages for the rest.

    {"error": {"code", "message", "field"?, "details"?, "id"?}}

`id` is given with every 500 and stands in the log beside the traceback; the client never sees that.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import sys
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from chat.api.openai_bodies import error_body

logger = logging.getLogger("cortex.errors")

API_PREFIXES = ("/api/", "/v1/")
API_PATHS = ("/api", "/v1", "/ask", "/health", "/openapi.json", "/metrics")

TITLES = {
    400: "That request cannot be read",
    401: "Only the owner may come in",
    403: "That is not allowed",
    404: "There is nothing here",
    413: "That is too large",
    415: "JSON, please",
    500: "Something broke",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is JSON or a page."""

    status: int
    code: str
    message: str
    field: str | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        optional = {"field": self.field, "details": self.details, "id": self.id}
        given = {key: value for key, value in optional.items() if value}
        return {"error": {"code": self.code, "message": self.message, **given}}


def internal_error(where: str, exception: BaseException | None = None) -> Problem:
    """A 500; the traceback (of the exception being handled, if none is given) is logged."""
    identifier = secrets.token_hex(6)
    logger.error("Error %s at %s", identifier, where, exc_info=exception or sys.exc_info())
    message = f"Something broke inside Cortex. The log has the details under id {identifier}."
    return Problem(500, "internal_error", message, id=identifier)


def is_api(path: str) -> bool:
    """Whether `path` is for programs, not for people."""
    return path in API_PATHS or path.startswith(API_PREFIXES)


def wants_page(request: HttpRequest) -> bool:
    """Whether HTML is asked for by name (browsers do so; curl and `requests` accept anything)."""
    return "text/html" in request.headers.get("Accept", "") or "HX-Request" in request.headers


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem as JSON, or as a page where a person is reading."""
    if is_api(request.path) or not wants_page(request):
        response: HttpResponse = JsonResponse(_body(request, problem), status=problem.status)
    else:
        title = TITLES.get(problem.status, "That did not work")
        context = {"problem": problem, "title": title}
        response = render(None, "cortex_site/error.html", context, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    if problem.id:
        response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log it again
    return response


def _body(request: HttpRequest, problem: Problem) -> dict[str, Any]:
    """The one shape, but for clients that speak OpenAI's protocol and know its own."""
    if request.path.startswith("/v1"):
        return {"error": error_body(problem.status, problem.body["error"])}
    return problem.body


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, Problem(400, "bad_request", "The request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = str(exception) or "You may not do that."
    return respond(request, Problem(403, "permission_denied", message))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, Problem(404, "not_found", f"Nothing is at {request.path}."))


def server_error(request: HttpRequest) -> HttpResponse:
    return respond(request, internal_error(f"{request.method} {request.path}"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = "This form has grown too old, or came from somewhere else. Reload the page and retry."
    return respond(request, Problem(403, "csrf_failed", message))
