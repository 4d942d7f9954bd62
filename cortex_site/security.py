"""Content-Security-Policy: nothing inline, nothing remote; exceptions stay on their own paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# Swagger UI and ReDoc write <style> elements; ReDoc builds its search index in a blob worker.
RELAXED = {
    "/docs": {"style-src": "'self' 'unsafe-inline'"},
    "/redoc": {"style-src": "'self' 'unsafe-inline'", "worker-src": "blob:"},
}


def policy(path: str) -> str:
    """The header for a path."""
    directives = STRICT | RELAXED.get(path, {})
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every response."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._call_async(request)
        return self._protect(request, self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        return self._protect(request, await self.get_response(request))

    def _protect(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.setdefault("Content-Security-Policy", policy(request.path))
        return response
