"""/openapi.json: valid, and every route in it has examples that fit what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema

from cortex_site.docs import schema_bytes

SCHEMA: dict[str, Any] = json.loads(schema_bytes())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in SCHEMA["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
API = ("api", "v1", "ask")
# For machines that watch, not for clients; an alias; and the answer to everything unknown.
UNLISTED = {"health", "metrics", "^(?:api|v1)(?:/.*)?$"}


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that an operation takes or gives."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {kind}", media
    for status, response in operation["responses"].items():
        for kind, media in response.get("content", {}).items():
            yield f"{status} {kind}", media


BODIES = [
    pytest.param(media, id=f"{name} {where}")
    for name, operation in OPERATIONS.items()
    for where, media in contents(operation)
]


def test_it_is_valid_openapi_3_1() -> None:
    assert SCHEMA["openapi"].startswith("3.1")
    validate_schema(SCHEMA)


def test_every_operation_has_a_name_of_its_own_a_summary_and_a_tag() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    bare = [n for n, o in OPERATIONS.items() if not o.get("summary") or not o.get("tags")]
    assert bare == []


def test_every_operation_has_an_example_of_what_it_takes_and_gives() -> None:
    bare = [
        f"{name} {where}"
        for name, operation in OPERATIONS.items()
        for where, media in contents(operation)
        if where.startswith(("request", "2")) and not media.get("examples")
    ]
    assert bare == []


@pytest.mark.parametrize("media", BODIES)
def test_examples_fit_their_schemas(media: dict[str, Any]) -> None:
    schema = {**media["schema"], "components": SCHEMA["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    for name, example in media.get("examples", {}).items():
        errors = [error.message for error in validator.iter_errors(example["value"])]
        assert errors == [], name


def test_every_api_route_is_described() -> None:
    described = {path.lstrip("/").split("{")[0].rstrip("/") for path in SCHEMA["paths"]}
    missing = [
        route
        for route in routes(get_resolver().url_patterns)
        if route.split("/")[0] in API and route.split("<")[0].rstrip("/") not in described
    ]
    assert set(missing) - UNLISTED == set()


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """All routes of the site as they are written."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            yield prefix + str(pattern.pattern)
