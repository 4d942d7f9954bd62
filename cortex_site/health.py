"""Is the server alive, and can it answer? For people, scripts and process managers."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.web.openapi import answer, shape
from cortex_site import __version__, lifecycle
from inference import services

STARTED = time.monotonic()
ON_ITS_WAY = ("downloading", "loading", "unloading")

LOADED = {"name": "smollm2-135m-instruct", "state": "loaded", "stage": "", "progress": 1.0}
LOADING = {**LOADED, "state": "loading", "stage": "load", "progress": 0.5}
BODY = {
    "status": "healthy",
    "version": __version__,
    "environment": "production",
    "uptime_seconds": 12.3,
    "database": "ok",
    "model": LOADED,
}
UNREACHABLE = {**BODY, "status": "unhealthy", "database": "unreachable", "model": None}
HealthShape = shape(
    "Health",
    BODY,
    status={"choices": ["healthy", "unhealthy"]},
    database={"choices": ["ok", "unreachable"]},
    model=shape("HealthModel", LOADED)(allow_null=True),
)
HEALTHY = answer(HealthShape, "Healthy", BODY)
GONE = answer(HealthShape, "The database is gone", UNREACHABLE, status=503)
NOT_YET = answer(HealthShape, "Not yet", {**BODY, "model": LOADING}, status=503)


def report() -> dict[str, Any]:
    """Tell what /api/health says."""
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

    @extend_schema("health", tags=["info"], responses=HEALTHY | GONE)
    def get(self, request: Request) -> Response:
        """Tell whether the process lives and reaches its database.

        Says how far the default model is, too.
        """
        body = report()
        return Response(body, status=200 if body["status"] == "healthy" else 503)


def _is_settled() -> bool:
    """Whether no load is under way or about to begin: the row hears of it a moment later."""
    try:
        return not lifecycle.is_starting() and not services.is_coming(services.model_default())
    except DatabaseError:
        return False


class ReadyView(APIView):
    """Whether a request would be answered without waiting for the default model."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema("ready", tags=["info"], responses=HEALTHY | NOT_YET)
    def get(self, request: Request) -> Response:
        """Tell whether a request would be answered without waiting for the default model."""
        body = report()
        model = body["model"]
        if model is not None and model["state"] not in (*ON_ITS_WAY, "failed") and _is_settled():
            return Response(body)
        return Response(body, status=503, headers={"Retry-After": "2"})
