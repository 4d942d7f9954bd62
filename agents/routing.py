"""The WebSocket routes."""

from django.urls import path

from agents.consumers import RunConsumer

websocket_urlpatterns = [path("ws/runs/<uuid:run_id>/", RunConsumer.as_asgi())]
