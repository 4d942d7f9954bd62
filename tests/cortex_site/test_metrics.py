"""/metrics: what is printed, what is documented, and that the counters count what was done."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.server import ROOT, CortexServer

MODEL = "smollm2-135m-instruct"
ROW = re.compile(r"^\| `(cortex_\w+)` \| (\w+) \| ([^|]*) \|", re.M)
HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}


@pytest.mark.django_db
def test_every_metric_is_documented_with_its_type() -> None:
    text = Client(SERVER_NAME="localhost").get("/metrics").content.decode()
    printed = set(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    documented = {row[:2] for row in ROW.findall((ROOT / "docs/metrics.md").read_text())}
    assert printed == documented


@pytest.mark.django_db
def test_it_is_for_those_who_may_come_in() -> None:
    assert Client(SERVER_NAME="localhost").get("/metrics").status_code == 200
    stranger = Client(SERVER_NAME="localhost", REMOTE_ADDR="192.0.2.1").get("/metrics")
    assert stranger.status_code == 401
    assert stranger.json()["error"]["code"] == "not_authenticated"
    posted = Client(SERVER_NAME="localhost").post("/metrics", {}, content_type="application/json")
    assert posted.status_code == 405


Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(server: CortexServer) -> Figures:
    """All samples, by name and labels."""
    response = requests.get(f"{server.url}/metrics", timeout=60)
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


@pytest.fixture
def rise(cortex_server: CortexServer) -> Callable[..., float]:
    """How much a sample has risen since the test began."""
    before = scrape(cortex_server)

    def risen(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return scrape(cortex_server).get(key, 0.0) - before.get(key, 0.0)

    return risen


@pytest.mark.live
@pytest.mark.model
def test_counters_rise_by_what_was_done(
    cortex_server: CortexServer, rise: Callable[..., float]
) -> None:
    url = cortex_server.url
    whole = requests.post(f"{url}/api/chat/completions", json=HELLO, timeout=120).json()
    again = requests.post(f"{url}/v1/chat/completions", json=HELLO, timeout=120).json()
    usages = [whole["usage"], again["usage"]]
    cached = usages[0]["cached_tokens"] + usages[1]["prompt_tokens_details"]["cached_tokens"]
    assert usages[0]["prompt_tokens"] > cached - usages[0]["cached_tokens"] > 0

    assert rise("cortex_requests_total", model=MODEL, outcome="length") == 2
    for name, count in (
        ("prompt_tokens", sum(usage["prompt_tokens"] for usage in usages)),
        ("cached_prompt_tokens", cached),
        ("completion_tokens", sum(usage["completion_tokens"] for usage in usages)),
    ):
        assert rise(f"cortex_{name}_total", model=MODEL) == count, name
    for name in ("time_to_first_token_seconds", "queue_seconds", "decode_tokens_per_second"):
        assert rise(f"cortex_{name}_count", model=MODEL) == 2, name

    now = scrape(cortex_server)
    assert now["cortex_requests_active", (("model", MODEL),)] == 0
    assert now["cortex_requests_queued", (("model", MODEL),)] == 0
    assert now["cortex_model_memory_bytes", (("model", MODEL),)] > 100_000_000
    states = {
        key[1][1][1]: value
        for key, value in now.items()
        if "model_state" in key[0] and ("model", MODEL) in key[1]
    }
    assert states["loaded"] == 1
    assert sum(states.values()) == 1


@pytest.mark.live
def test_what_is_refused_counts_without_making_series_grow(
    cortex_server: CortexServer, rise: Callable[..., float]
) -> None:
    url = cortex_server.url
    for name in ("no-such-model", "another"):
        body = {**HELLO, "model": name}
        assert requests.post(f"{url}/v1/chat/completions", json=body, timeout=60).status_code == 404
    long = {"messages": [{"role": "user", "content": "word " * 20_000}]}
    assert requests.post(f"{url}/api/chat/completions", json=long, timeout=120).status_code == 422
    calls = [("calculator", {"expression": "6*7"}), ("calculator", {}), ("nonsense", {})]
    for tool, parameters in calls:
        body = {"tool_name": tool, "parameters": parameters}
        requests.post(f"{url}/api/tools/execute", json=body, timeout=60)

    assert rise("cortex_requests_total", model="unknown", outcome="model_not_found") == 2
    assert rise("cortex_requests_total", model=MODEL, outcome="context_overflow") == 1
    assert rise("cortex_tool_calls_total", tool="calculator", outcome="succeeded") == 1
    assert rise("cortex_tool_calls_total", tool="calculator", outcome="invalid_arguments") == 1
    assert rise("cortex_tool_calls_total", tool="unknown", outcome="tool_not_found") == 1
    assert not [key for key in scrape(cortex_server) if "nonsense" in str(key)]
