"""Health and readiness."""

import threading

import pytest
import requests
from django.test import Client

from cortex_site import lifecycle
from inference import services
from inference.loaded.registry import REGISTRY
from inference.loaded.slots import Slot
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/health", "/health"])
def test_health_tells_version_model_and_database(path: str) -> None:
    response = Client().get(path)
    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "healthy"
    assert body["version"] == "0.2.0"
    assert body["database"] == "ok"
    assert body["uptime_seconds"] >= 0
    assert body["model"]["name"] == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("state", "status"), [("unloaded", 200), ("loaded", 200), ("loading", 503), ("failed", 503)]
)
def test_ready_follows_the_default_model(state: str, status: int) -> None:
    model = services.model_default()
    model.state = state
    model.save()
    response = Client().get("/api/ready")
    assert response.status_code == status
    assert response.headers.get("Retry-After") == (None if status == 200 else "2")


def test_it_is_not_ready_before_the_load_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start looks for models and runs first; the row says "unloaded" all the while."""
    begun, may_go_on = threading.Event(), threading.Event()

    def startup() -> None:
        begun.set()
        assert may_go_on.wait(20)

    for owner, name in ((services, "default_load"), (lifecycle.runner, "startup")):
        monkeypatch.setattr(owner, name, lambda: None)
    monkeypatch.setattr(services, "startup", startup)
    monkeypatch.setattr(lifecycle.tools, "tools_warm", lambda: None)
    monkeypatch.setattr(lifecycle.docs, "schema_bytes", lambda: b"")
    assert Client().get("/api/ready").status_code == 200
    lifecycle.start()
    assert begun.wait(20)
    response = Client().get("/api/ready")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json()["status"] == "healthy"
    may_go_on.set()
    eventually(lambda: Client().get("/api/ready").status_code == 200)


def test_it_is_not_ready_while_a_load_has_not_reached_the_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = services.model_default().name
    monkeypatch.setitem(REGISTRY._slots, name, Slot(name))
    assert Client().get("/api/ready").status_code == 503


@pytest.mark.live
def test_a_running_server_is_healthy(cortex_server) -> None:
    assert requests.get(f"{cortex_server.url}/api/health", timeout=30).json()["status"] == "healthy"
