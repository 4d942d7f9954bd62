"""Every route of /openapi.json under schemathesis: no 5xx, and only what is documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.chat.api.test_openapi import SCHEMA
from tests.server import CortexServer, ServerFactory

pytestmark = [pytest.mark.live, pytest.mark.model, pytest.mark.timeout(600)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
AGENTS = ["/api/agents/execute", "/api/agents/execute/stream", "/api/agents/plan"]
READY = "/api/ready"  # its 503 is no failure: it says that the model is not up
LIMITS = ("max_tokens", "max_completion_tokens", "max_iterations", "n")

schema = schemathesis.openapi.from_dict(SCHEMA)


@pytest.fixture(scope="module")
def fuzzed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CortexServer]:
    """A server of its own: what is tried may unload models and switch tools off."""
    folder = tmp_path_factory.mktemp("fuzzed")
    factory = ServerFactory(folder)
    short = {"DEFAULT_MAX_TOKENS": "2", "MAX_AGENT_ITERATIONS": "1", "ENABLE_WEB_SEARCH": "false"}
    yield factory.start(env={"MODEL_CACHE_DIR": str(folder / "models"), **short})
    factory.close()


def shorten(body: Any) -> Any:
    """The same request for an answer of a few tokens: a small CPU has many to give."""
    if not isinstance(body, dict):
        return body
    short = {key: 2 for key in LIMITS if type(body.get(key)) is int and body[key] > 2}
    asks = {"max_tokens": 2} if "question" in body and body.get("max_tokens") is None else {}
    return {**body, **short, **asks}


def tried(examples: int, *phases: Phase) -> settings:
    """How much is tried of each route."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


def check(case: schemathesis.Case, server: CortexServer) -> None:
    case.body = shorten(case.body)
    response = case.call(base_url=server.url, timeout=60)
    kind = response.headers.get("content-type", [""])[0]
    left_out = []
    if kind.startswith("text/event-stream"):  # OpenAPI 3.1 has no schema for single events
        left_out.append(response_schema_conformance)
    if case.path == READY and response.status_code == 503:
        left_out.append(not_a_server_error)
    case.validate_response(response, checks=[each for each in CHECKS if each not in left_out])


@schema.exclude(path=AGENTS).parametrize()
@tried(8, Phase.explicit, Phase.generate)
def test_any_input_gets_a_documented_answer(
    case: schemathesis.Case, fuzzed_server: CortexServer
) -> None:
    check(case, fuzzed_server)


@schema.include(path=AGENTS).parametrize()
@tried(2, Phase.generate)
def test_so_does_any_goal(case: schemathesis.Case, fuzzed_server: CortexServer) -> None:
    if isinstance(case.body, dict) and "goal" in case.body:
        case.body = {**case.body, "max_iterations": 0}  # a goal takes an agent long
    check(case, fuzzed_server)
