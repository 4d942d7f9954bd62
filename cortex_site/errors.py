"""Problems as JSON for programs, as designed pages for people; Django's own error views."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.problems import Problem, internal_error, logged, problem_of, problem_response

API_PREFIXES = ("/api/", "/v1/")
API_PATHS = ("/api", "/v1", "/ask", "/health", "/openapi.json", "/metrics")

NOT_FOUND = "api-not-found"  # the route of all API paths that are none

TITLES = {
    400: "That request cannot be read",
    401: "Only the owner may come in",
    403: "That is not allowed",
    404: "There is nothing here",
    413: "That is too large",
    415: "JSON, please",
    500: "Something broke",
    507: "The disk is full",
}


def is_api(path: str) -> bool:
    """Whether `path` is for programs, not for people."""
    return path in API_PATHS or path.startswith(API_PREFIXES)


def wants_page(request: HttpRequest) -> bool:
    """Whether HTML is asked for by name (browsers do so; curl and `requests` accept anything)."""
    return "text/html" in request.headers.get("Accept", "") or "HX-Request" in request.headers


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer with the problem as JSON, or as a page where a person is reading. htmx shows no page
    of the server's failing, and the pages' script shows the words of the JSON."""
    in_page = "HX-Request" in request.headers and problem.status >= 500
    if is_api(request.path) or in_page or not wants_page(request):
        response: HttpResponse = problem_response(problem, request.path)
    else:
        title = TITLES.get(problem.status, "That did not work")
        context = {"problem": problem, "title": title}
        response = render(None, "cortex_site/error.html", context, status=problem.status)
        for name, value in problem.headers.items():
            response[name] = value
    return logged(response, problem)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, Problem(400, "bad_request", "The request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = str(exception) or "You may not do that."
    return respond(request, Problem(403, "permission_denied", message))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, Problem(404, "not_found", f"Nothing is at {request.path}."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what no view and no middleware has answered: the exception is being handled."""
    where, exception = f"{request.method} {request.path}", sys.exception()
    return respond(request, problem_of(exception, where) if exception else internal_error(where))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = "This form has grown too old, or came from somewhere else. Reload the page and retry."
    return respond(request, Problem(403, "csrf_failed", message))
