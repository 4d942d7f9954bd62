"""Is the server alive, and can it answer? For people, scripts and process managers."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cortex_site import __version__
from inference import services

STARTED = time.monotonic()
ON_ITS_WAY = ("downloading", "loading", "unloading")

MODEL = inline_serializer(
    "HealthModel",
    {
        "name": serializers.CharField(),
        "state": serializers.CharField(),
        "stage": serializers.CharField(),
        "progress": serializers.FloatField(),
    },
    allow_null=True,
)
HEALTH = inline_serializer(
    "Health",
    {
        "status": serializers.ChoiceField(["healthy", "unhealthy"]),
        "version": serializers.CharField(),
        "environment": serializers.CharField(),
        "uptime_seconds": serializers.FloatField(),
        "database": serializers.ChoiceField(["ok", "unreachable"]),
        "model": MODEL,
    },
)
LOADED = {"name": "smollm2-135m-instruct", "state": "loaded", "stage": "", "progress": 1.0}
BODY = {
    "status": "healthy",
    "version": __version__,
    "environment": "production",
    "uptime_seconds": 12.3,
    "database": "ok",
    "model": LOADED,
}


def _example(name: str, code: int, **fields: Any) -> OpenApiExample:
    return OpenApiExample(name, {**BODY, **fields}, response_only=True, status_codes=[str(code)])


UNREACHABLE = {"status": "unhealthy", "database": "unreachable", "model": None}
LOADING = {**LOADED, "state": "loading", "stage": "load", "progress": 0.5}


def report() -> dict[str, Any]:
    """What /api/health says."""
    try:
        connection.ensure_connection()
        model = services.model_default()
        database, state = (
            "ok",
            {
                "name": model.name,
                "state": model.state,
                "stage": model.stage,
                "progress": model.progress,
            },
        )
    except DatabaseError:
        database, state = "unreachable", None
    return {
        "status": "healthy" if database == "ok" else "unhealthy",
        "version": __version__,
        "environment": settings.ENVIRONMENT,
        "uptime_seconds": round(time.monotonic() - STARTED, 1),
        "database": database,
        "model": state,
    }


class HealthView(APIView):
    """The process lives and reaches its database; says how far the default model is."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="health",
        tags=["info"],
        summary="Health",
        responses={200: HEALTH, 503: HEALTH},
        examples=[
            _example("Healthy", 200),
            _example("The database is gone", 503, **UNREACHABLE),
        ],
    )
    def get(self, request: Request) -> Response:
        body = report()
        return Response(body, status=200 if body["status"] == "healthy" else 503)


class ReadyView(APIView):
    """Whether a request would be answered without waiting for the default model."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="ready",
        tags=["info"],
        summary="Readiness",
        responses={200: HEALTH, 503: HEALTH},
        examples=[_example("Ready", 200), _example("Not yet", 503, model=LOADING)],
    )
    def get(self, request: Request) -> Response:
        body = report()
        model = body["model"]
        if model is not None and model["state"] not in (*ON_ITS_WAY, "failed"):
            return Response(body)
        return Response(body, status=503, headers={"Retry-After": "2"})
