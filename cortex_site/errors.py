"""Problems as JSON for programs, as designed pages for people; Django's own error views."""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from common.problems import Problem, internal_error, logged, problem_of, problem_response
from common.web.middleware import Middleware

API_PREFIXES = ("/api/", "/v1/")
API_PATHS = ("/api", "/v1", "/ask", "/health", "/openapi.json", "/metrics")

NOT_FOUND = "api-not-found"  # the route of all API paths that are none

TITLES = {
    400: "That request cannot be read",
    401: "Only the owner may come in",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "That is not done so",
    413: "That is too large",
    415: "JSON, please",
    500: "Something broke",
    507: "The disk is full",
}
OUTSIDE = ("not_authenticated", "host_not_allowed")  # codes for those who may not come in


def is_api(path: str) -> bool:
    """Whether `path` is for programs, not for people."""
    return path in API_PATHS or path.startswith(API_PREFIXES)


def wants_page(request: HttpRequest) -> bool:
    """Whether HTML is asked for by name (browsers do so; curl and `requests` accept anything)."""
    return "text/html" in request.headers.get("Accept", "") or "HX-Request" in request.headers


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer with the problem as JSON, or as a page where a person is reading."""
    is_swap = "HX-Request" in request.headers  # the page's script shows the message
    if is_api(request.path) or is_swap or not wants_page(request):
        response: HttpResponse = problem_response(problem, request.path)
    else:
        response = _page(request, problem)
        for name, value in problem.headers.items():
            response[name] = value
    return logged(response, problem)


def _page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Show the problem with the ways out of it. It is rendered without the request: neither the
    session nor the database has to work."""
    context = {
        "problem": problem,
        "title": TITLES.get(problem.status, "That did not work"),
        "csrf_token": get_token(request),
        "request": {"path": request.path},  # for the navigation
    }
    template = "refused" if problem.code in OUTSIDE else "error"
    return render(None, f"cortex_site/{template}.html", context, status=problem.status)


class SlashMiddleware(Middleware):
    """Sends people who left out the slash at an address's end, or wrote one too many, to the page
    that is meant; method and body go along. Paths for programs are taken as they are."""

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != 404 or is_api(request.path):
            return response
        path = request.path_info
        meant = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        view = _view(meant)
        if view is None or view == _view(path):  # the admin takes all that lies below it
            return response
        query = request.META.get("QUERY_STRING", "")
        address = escape_uri_path(meant) + (f"?{query}" if query else "")
        return HttpResponsePermanentRedirect(escape_leading_slashes(address), preserve_request=True)


def _view(path: str) -> Callable[..., object] | None:
    try:
        return resolve(path).func
    except Resolver404:
        return None


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
