"""The errors in /openapi.json: each is one that a class can raise, in the format of its route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import EndpointEnumerator
from rest_framework import serializers

from chat.api.openai_bodies import error_format
from common.errors import CortexError
from common.problems import Problem
from common.web.openapi import (
    InternalError,
    Kind,
    NotJSON,
    Refusal,
    errors_of,
    example_problem,
    plain,
    shape,
    summary,
)
from cortex_site.docs import schema_bytes
from inference.errors import ContextOverflow, ModelBusy, ModelNotFound, ModelTooLarge, QueueFull

SCHEMA: dict[str, Any] = json.loads(schema_bytes())
HEALTH = {"/api/health", "/api/ready"}  # their 503 is a report, not an error


def below(root: Kind) -> set[Kind]:
    """The class and all that derive from it in the product."""
    own = {root} if not root.__module__.startswith("tests") else set()
    return own.union(*(below(each) for each in root.__subclasses__()))


KINDS = sorted((below(CortexError) | below(Refusal)) - {Refusal}, key=lambda kind: kind.__name__)


def documented() -> Iterator[tuple[str, str, str, dict[str, Any], dict[str, Any]]]:
    """(path, method, status, response, media) of every error that a route documents."""
    for path, item in SCHEMA["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                if status >= "400" and path not in HEALTH:
                    for media in response["content"].values():
                        yield path, method, status, response, media


def told(path: str, problem: Problem) -> tuple[str, str | None]:
    """Status and code as a client of the path reads them."""
    status, body = (error_format if path.startswith("/v1") else plain)(problem)
    return str(status), body["error"]["code"]


def test_every_documented_error_is_one_that_a_class_makes() -> None:
    found = list(documented())
    assert len(found) > 100
    for path, method, status, response, media in found:
        known = {told(path, example_problem(kind)) for kind in KINDS}
        assert media["examples"], (method, path, status)
        for example in media["examples"].values():
            code = example["value"]["error"]["code"]
            assert (status, code) in known, (method, path, status, code)
        assert response["description"], (method, path, status)


def test_429_is_documented_where_a_throttle_can_answer_it_and_only_there() -> None:
    endpoints = EndpointEnumerator().get_api_endpoints()  # type: ignore[no-untyped-call]
    throttled = {
        (path, method.lower())
        for path, _, method, view in endpoints
        if getattr(view.cls, "throttle_classes", [])
    }
    assert {each[:2] for each in documented() if each[2] == "429"} == throttled


def test_a_full_queue_is_documented_only_where_a_model_or_a_run_is_waited_for() -> None:
    full = {
        path
        for path, _, _, _, media in documented()
        if "queue_full" in {e["value"]["error"]["code"] for e in media["examples"].values()}
    }
    assert full == {
        "/api/agents/execute",
        "/api/agents/execute/stream",
        "/api/agents/plan",
        "/api/agents/runs/{run_id}/fork",
        "/api/chat/completions",
        "/api/chat/completions/stream",
        "/api/models/{model_id}/load",
        "/ask",
        "/v1/chat/completions",
        "/v1/completions",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_it_means_and_has_an_example(kind: Kind) -> None:
    problem = example_problem(kind)
    assert summary(kind).endswith(".")
    assert not summary(kind).startswith("details")
    assert problem.message
    assert problem.status >= 400


def test_errors_of_one_status_share_a_response() -> None:
    responses = errors_of(ModelTooLarge, QueueFull, ModelBusy, ModelNotFound)
    assert list(responses) == [404, 409, 503]
    assert [example.name for example in responses[409].examples] == [
        "model_too_large",
        "model_busy",
    ]
    assert responses[409].description == (
        "The model does not fit into memory. "
        "Or: The model is just being loaded, unloaded or deleted."
    )
    assert responses[503].description == "Too many requests wait already. See Retry-After."


def test_an_example_has_what_the_response_would_have() -> None:
    problem = example_problem(ContextOverflow)
    assert problem.details == {"prompt_tokens": 9120, "context_length": 8192}
    assert example_problem(InternalError).body["error"]["id"]
    assert (example_problem(NotJSON).status, example_problem(NotJSON).code) == (
        415,
        "unsupported_media_type",
    )


def test_a_route_with_a_protocol_of_its_own_gives_its_format() -> None:
    [(status, response)] = errors_of(ContextOverflow, format=error_format).items()
    assert status == 400
    assert response.examples[0].value["error"]["code"] == "context_length_exceeded"


def test_a_shape_has_the_fields_of_its_example_and_what_is_known_besides() -> None:
    inner = shape("Inner", {"n": 1})
    made = shape(
        "Outer",
        {"text": "", "state": "on", "part": {"n": 1}, "parts": [{"n": 2}], "names": ["a"]},
        "What it is.",
        text="What it says.",
        state={"choices": ["on", "off"], "allow_null": True},
        part=inner,
        parts=inner,
        more=serializers.IntegerField(required=False),
    )
    fields = made().fields
    assert (made.__name__, made.__doc__) == ("OuterSerializer", "What it is.")
    assert set(fields) == {"text", "state", "part", "parts", "names", "more"}
    assert fields["text"].help_text == "What it says."
    assert (fields["state"].choices, fields["state"].allow_null) == (
        {"on": "on", "off": "off"},
        True,
    )
    assert isinstance(fields["part"], inner)
    assert isinstance(fields["parts"], serializers.ListSerializer)
    assert isinstance(fields["names"].child, serializers.CharField)


def test_the_handler_says_what_a_route_does() -> None:
    operation = SCHEMA["paths"]["/api/models/{model_id}"]["delete"]
    assert operation["summary"] == "Delete a model's files"
    assert operation["description"].startswith("A recommended model stays in the list")
    assert "description" not in SCHEMA["paths"]["/api/models"]["get"]


def test_a_route_documents_what_can_be_wrong_with_a_body_where_it_takes_one() -> None:
    assert "415" in SCHEMA["paths"]["/ask"]["post"]["responses"]
    assert "415" not in SCHEMA["paths"]["/api/models"]["get"]["responses"]
