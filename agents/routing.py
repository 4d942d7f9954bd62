"""The WebSocket routes."""

from __future__ import annotations

from uuid import UUID

from django.urls import path

from agents.web.consumers import RunConsumer

RUN = "ws/runs/{}/"

websocket_urlpatterns = [path(RUN.format("<uuid:run_id>"), RunConsumer.as_asgi())]


def run_socket(run_id: UUID) -> str:
    """Return the address where a page follows a run: `{% url %}` knows no WebSocket routes."""
    return "/" + RUN.format(run_id)
