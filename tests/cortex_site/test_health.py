"""Health and readiness."""

import pytest
import requests
from django.test import Client

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
    from inference import services

    model = services.model_default()
    model.state = state
    model.save()
    response = Client().get("/api/ready")
    assert response.status_code == status
    assert response.headers.get("Retry-After") == (None if status == 200 else "2")


@pytest.mark.live
def test_a_running_server_is_healthy(cortex_server) -> None:
    assert requests.get(f"{cortex_server.url}/api/health", timeout=30).json()["status"] == "healthy"
