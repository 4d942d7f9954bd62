"""Content-Security-Policy: nothing inline, nothing remote; exceptions stay on their own paths."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from common.web.middleware import Middleware

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
    """Give the header for a path."""
    directives = STRICT | RELAXED.get(path, {})
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class ContentSecurityPolicyMiddleware(Middleware):
    """Adds the policy to every response."""

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.setdefault("Content-Security-Policy", policy(request.path))
        return response
