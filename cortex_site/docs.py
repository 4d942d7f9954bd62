"""The API's description and its two readers, all offline.

The schema is generated once and kept as bytes: generating it is slow, and not safe to do in
several threads at once.
"""

from __future__ import annotations

import threading

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_lock = threading.Lock()
_schema: bytes | None = None


def schema_bytes() -> bytes:
    """openapi.json; made by the first caller, for whom the others wait."""
    global _schema
    with _lock:
        if _schema is None:
            # Here, since they take a tenth of the time until the server listens.
            from drf_spectacular.generators import SchemaGenerator
            from drf_spectacular.renderers import OpenApiJsonRenderer

            generator = SchemaGenerator()  # type: ignore[no-untyped-call]
            generated = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
            _schema = OpenApiJsonRenderer().render(generated, renderer_context={})
    return _schema


def schema(request: HttpRequest) -> HttpResponse:
    """GET /openapi.json"""
    return HttpResponse(schema_bytes(), content_type="application/json")


def swagger(request: HttpRequest) -> HttpResponse:
    """GET /docs"""
    return render(request, "cortex_site/docs.html")


def redoc(request: HttpRequest) -> HttpResponse:
    """GET /redoc"""
    return render(request, "cortex_site/redoc.html")
