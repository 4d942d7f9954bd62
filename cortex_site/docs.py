"""The API's description and its two readers, all offline.

The schema is generated once and kept as bytes: generating it is slow, and not safe to do in
several threads at once.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static

REDOC = "drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js"
REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"  # no option of ReDoc's leaves it out
KEEP_SECONDS = 24 * 3600  # that a browser need not ask for ReDoc again

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


@cache
def _redoc_script() -> bytes:
    """ReDoc as it came, but for the address of its logo: nothing is asked of another host."""
    found = finders.find(REDOC)
    if not isinstance(found, str):
        raise FileNotFoundError(REDOC)
    own = static("icon.svg").encode()
    return Path(found).read_bytes().replace(REDOC_LOGO.encode(), own)


def redoc_script(request: HttpRequest) -> HttpResponse:
    """GET /redoc/redoc.js"""
    headers = {"Cache-Control": f"max-age={KEEP_SECONDS}"}
    return HttpResponse(_redoc_script(), content_type="text/javascript", headers=headers)
