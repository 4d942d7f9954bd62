"""Who may come in: Host, Origin and the owner, by the same rules for HTTP and WebSockets.

The rules are functions of a `Visit`, so that both protocols share them:

- Host must be one of ALLOWED_HOSTS (this defeats DNS rebinding).
- A browser's request that changes something, and every WebSocket, must come from this site or
  from ALLOWED_ORIGINS. Clients that are no browsers send no Origin and pass.
- Whoever connects over loopback, to a loopback Host, through no proxy, is the owner.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from cortex_site.errors import Problem, is_api, respond
from cortex_site.middleware import Middleware

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PROXY_HEADERS = ("forwarded", "via", "x-real-ip")  # and all of x-forwarded-*
PUBLIC_PATHS = ("/api/health", "/health", "/api/ready")
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Visit:
    """What the rules look at. Header names are in lower case; `peer` is an IP address or ""."""

    method: str
    scheme: str
    headers: dict[str, str]
    peer: str

    @property
    def host(self) -> str:
        return self.headers.get("host", "")


def host_is_allowed(visit: Visit) -> bool:
    domain, _ = split_domain_port(visit.host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def origin_is_allowed(visit: Visit) -> bool:
    """Whether the page that sends this, if a page does, is ours or one that is trusted."""
    origin = visit.headers.get("origin")
    if origin is None:
        return visit.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    if origin in settings.ALLOWED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == visit.scheme and parts.netloc.lower() == visit.host.lower()


def is_owner(visit: Visit) -> bool:
    """Loopback peer, loopback Host, and no sign of a proxy in between."""
    domain, _ = split_domain_port(visit.host)
    proxied = any(name in PROXY_HEADERS or name.startswith("x-forwarded") for name in visit.headers)
    return not proxied and domain in LOOPBACK_HOSTS and _is_loopback(visit.peer)


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def owner_get() -> User:
    """The one person of a loopback server; made when first needed, without a password."""
    users = User.objects
    owner = users.filter(username=OWNER).first()
    if owner is None:
        values = {"is_staff": True, "is_superuser": True, "password": "!"}
        owner, _ = users.get_or_create(username=OWNER, defaults=values)
    return owner


def visit_of(request: HttpRequest) -> Visit:
    """A Django request as a Visit."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("host", request.META.get("SERVER_NAME", ""))
    scheme = request.scheme or "http"
    return Visit(request.method or "", scheme, headers, request.META.get("REMOTE_ADDR", ""))


class HostAndOriginMiddleware(Middleware):
    """Refuses unknown Hosts, foreign pages that want to change something, and non-JSON bodies."""

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        visit = visit_of(request)
        problem = self._problem(request, visit)
        return respond(request, problem) if problem else None

    def _problem(self, request: HttpRequest, visit: Visit) -> Problem | None:
        if not host_is_allowed(visit):
            message = f"Host {visit.host!r} is not served here. ALLOWED_HOSTS lists those that are."
            return Problem(400, "host_not_allowed", message)
        if visit.method in SAFE_METHODS:
            return None
        if not origin_is_allowed(visit):
            message = "Pages of other sites may not do this. ALLOWED_ORIGINS lists those that may."
            return Problem(403, "origin_not_allowed", message)
        if is_api(request.path) and not _carries_json(visit):
            message = "Send the body as JSON, with Content-Type: application/json."
            return Problem(415, "unsupported_media_type", message)
        return None


def _carries_json(visit: Visit) -> bool:
    """JSON or no body: other kinds can be sent across sites without the browser asking first."""
    kind = visit.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = visit.headers.get("content-length", "") in ("", "0")
    chunked = "transfer-encoding" in visit.headers
    return kind == "application/json" or (empty and not chunked)


class OwnerMiddleware(Middleware):
    """Signs the owner in, and lets in nobody whom neither this nor a session knows."""

    async def arefuse(self, request: HttpRequest) -> HttpResponse | None:
        return await sync_to_async(self.refuse)(request)

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        if request.path in PUBLIC_PATHS:
            return None
        if is_owner(visit_of(request)):
            sign_in(request, owner_get())
        if request.user.is_authenticated:
            return None
        message = "Cortex serves its owner only, and only from the machine that it runs on."
        problem = Problem(401, "not_authenticated", message, headers={"WWW-Authenticate": "Bearer"})
        return respond(request, problem)


def sign_in(request: HttpRequest, user: User) -> None:
    """Make `user` the user of this request, for sync and async views."""

    async def auser() -> User | AnonymousUser:
        return user

    request.user = user
    request.auser = auser


class OwnerAuthentication(BaseAuthentication):
    """For API views: the user whom OwnerMiddleware let in (Origin was checked before)."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        return (user, None) if user is not None and user.is_authenticated else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class WebSocketAccess:
    """The same rules for a WebSocket; `scope["user"]` is who came in."""

    def __init__(self, application: Callable[..., Awaitable[Any]]) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        visit = visit_of_scope(scope)
        if not host_is_allowed(visit) or not origin_is_allowed(visit):
            return await WebsocketDenier()(scope, receive, send)
        user = await self._user(scope, visit)
        if not user.is_authenticated:
            return await WebsocketDenier()(scope, receive, send)
        return await self.application({**scope, "user": user}, receive, send)

    async def _user(self, scope: dict[str, Any], visit: Visit) -> User | AnonymousUser:
        if is_owner(visit):
            return await database_sync_to_async(owner_get)()
        return await get_user(scope)


def visit_of_scope(scope: dict[str, Any]) -> Visit:
    """An ASGI scope as a Visit."""
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
    return Visit(scope.get("method", "GET"), scheme, headers, (scope.get("client") or [""])[0])
