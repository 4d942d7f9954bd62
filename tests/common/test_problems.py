"""Every cause has one shape, on every road; a protocol of its own has a format of its own."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework import exceptions

from common import problems
from common.errors import InvalidRequest, RequestCancelled, from_wire
from common.problems import Problem, error_body, format_register, problem_of, refusals_as_json
from inference.errors import ContextOverflow, GenerationFailed, QueueFull
from tooling.errors import ToolDisabled


@pytest.mark.parametrize(
    ("exception", "status", "code", "field"),
    [
        (
            ContextOverflow("Too long.", prompt_tokens=9, context_length=8),
            422,
            "context_overflow",
            None,
        ),
        (InvalidRequest("No.", field="messages.0.role"), 400, "invalid_request", "messages.0.role"),
        (GenerationFailed("It broke."), 500, "generation_failed", None),
        (ToolDisabled("It is off."), 409, "tool_disabled", None),
        (Http404("No such chat."), 404, "not_found", None),
        (PermissionDenied(), 403, "permission_denied", None),
        (DjangoValidationError({"title": ["Too long."]}), 400, "invalid_request", "title"),
        (DjangoValidationError("No."), 400, "invalid_request", None),
        (exceptions.NotAuthenticated(), 401, "not_authenticated", None),
        (exceptions.Throttled(wait=2.1), 429, "rate_limited", None),
        (exceptions.UnsupportedMediaType("text/x"), 415, "unsupported_media_type", None),
        (KeyError("x"), 500, "internal_error", None),
    ],
)
def test_every_cause_has_its_status(
    exception: Exception, status: int, code: str, field: str | None
) -> None:
    problem = problem_of(exception, "GET /x")
    assert (problem.status, problem.code, problem.field) == (status, code, field)
    assert bool(problem.id) == (status == 500)
    json.dumps(problem.body)


def test_details_and_retry_after_are_told() -> None:
    overflow = problem_of(ContextOverflow("Too long.", prompt_tokens=9, context_length=8), "")
    assert overflow.details == {"prompt_tokens": 9, "context_length": 8}
    assert problem_of(exceptions.Throttled(wait=2.1), "").headers["Retry-After"] == "3"


def test_a_run_keeps_an_error_as_the_wire_does() -> None:
    error = InvalidRequest("No.", field="goal", limit=3)
    wire = problem_of(error, "run 1").wire
    assert wire == {
        "code": "invalid_request",
        "message": "No.",
        "details": {"field": "goal", "limit": 3},
    }
    assert from_wire(wire).details == error.details
    assert problem_of(KeyError("x"), "run 1").wire["id"]


def test_a_format_is_for_its_prefix_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "_formats", {})
    format_register("/odd", lambda problem: (418, {"odd": problem.code}))
    error = RequestCancelled("Gone.")
    paths = ("/odd", "/odd/x", "/oddly", "/")
    bodies = [error_body(error, SimpleNamespace(method="GET", path=path)) for path in paths]
    plain = {"error": {"code": "cancelled", "message": "Gone."}}
    assert bodies == [{"odd": "cancelled"}, {"odd": "cancelled"}, plain, plain]


def test_v1_has_openais_format_in_streams_too() -> None:
    error = ContextOverflow("Too long.", prompt_tokens=9, context_length=8)
    body = error_body(error, SimpleNamespace(method="POST", path="/v1/completions"))
    assert body["error"]["code"] == "context_length_exceeded"
    assert problems.formatted(Problem(422, "context_overflow", "Too long."), "/v1/x")[0] == 400


def test_a_page_script_gets_the_whole_refusal() -> None:
    @refusals_as_json
    def view(request: HttpRequest) -> HttpResponse:
        raise QueueFull("Too many requests are waiting.")

    response = view(RequestFactory().post("/chat/"))
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert json.loads(response.content)["error"]["code"] == "queue_full"
