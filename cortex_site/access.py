"""Who may come in: Host, Origin and the owner, by the same rules for HTTP and WebSockets.

The rules are functions of a `ClientInfo`, so that both protocols share them:

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
from django.urls import resolve
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from common.problems import Problem
from common.web.middleware import Middleware
from cortex_site.errors import NOT_FOUND, is_api, respond

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PROXY_HEADERS = ("forwarded", "via", "x-real-ip")  # and all of x-forwarded-*
PUBLIC_PATHS = ("/api/health", "/health", "/api/ready")
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What the rules look at. Header names are in lower case; `peer` is an IP address or ""."""

    method: str
    scheme: str
    headers: dict[str, str]
    peer: str

    @property
    def host(self) -> str:
        return self.headers.get("host", "")


def host_is_allowed(client: ClientInfo) -> bool:
    domain, _ = split_domain_port(client.host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def origin_is_allowed(client: ClientInfo) -> bool:
    """Whether the page that sends this, if a page does, is ours or one that is trusted."""
    origin = client.headers.get("origin")
    if origin is None:
        return client.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    if origin in settings.ALLOWED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == client.scheme and parts.netloc.lower() == client.host.lower()


def is_owner(client: ClientInfo) -> bool:
    """Loopback peer, loopback Host, and no sign of a proxy in between."""
    domain, _ = split_domain_port(client.host)
    proxied = any(
        name in PROXY_HEADERS or name.startswith("x-forwarded") for name in client.headers
    )
    return not proxied and domain in LOOPBACK_HOSTS and _is_loopback(client.peer)


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def owner_get() -> User:
    """Find the one person of a loopback server; made when first needed, without a password."""
    users = User.objects
    owner = users.filter(username=OWNER).first()
    if owner is None:
        values = {"is_staff": True, "is_superuser": True, "password": "!"}
        owner, _ = users.get_or_create(username=OWNER, defaults=values)
    return owner


def client_of(request: HttpRequest) -> ClientInfo:
    """Read a Django request."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("host", request.META.get("SERVER_NAME", ""))
    scheme = request.scheme or "http"
    return ClientInfo(request.method or "", scheme, headers, request.META.get("REMOTE_ADDR", ""))


class HostAndOriginMiddleware(Middleware):
    """Refuses unknown Hosts, foreign pages that want to change something, and non-JSON bodies."""

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        client = client_of(request)
        problem = self._problem(request, client)
        return respond(request, problem) if problem else None

    def _problem(self, request: HttpRequest, client: ClientInfo) -> Problem | None:
        if not host_is_allowed(client):
            message = (
                f"Host {client.host!r} is not served here. ALLOWED_HOSTS lists those that are."
            )
            return Problem(400, "host_not_allowed", message)
        if client.method in SAFE_METHODS:
            return None
        if not origin_is_allowed(client):
            message = "Pages of other sites may not do this. ALLOWED_ORIGINS lists those that may."
            return Problem(403, "origin_not_allowed", message)
        if is_api(request.path) and not _carries_json(client) and _is_route(request.path):
            message = "Send the body as JSON, with Content-Type: application/json."
            return Problem(415, "unsupported_media_type", message)
        return None


def _carries_json(client: ClientInfo) -> bool:
    """JSON or no body: other kinds can be sent across sites without the browser asking first."""
    kind = client.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = client.headers.get("content-length", "") in ("", "0")
    chunked = "transfer-encoding" in client.headers  # of a server without `BodyLimit`
    return kind == "application/json" or (empty and not chunked)


def _is_route(path: str) -> bool:
    """What is not there is not there, whatever is sent to it."""
    return resolve(path).url_name != NOT_FOUND


class OwnerMiddleware(Middleware):
    """Signs the owner in, and lets in nobody whom neither this nor a session knows."""

    async def arefuse(self, request: HttpRequest) -> HttpResponse | None:
        return await sync_to_async(self.refuse)(request)

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        if request.path in PUBLIC_PATHS:
            return None
        if is_owner(client_of(request)):
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
        client = client_of_scope(scope)
        if not host_is_allowed(client) or not origin_is_allowed(client):
            return await WebsocketDenier()(scope, receive, send)
        user = await self._user(scope, client)
        if not user.is_authenticated:
            return await WebsocketDenier()(scope, receive, send)
        return await self.application({**scope, "user": user}, receive, send)

    async def _user(self, scope: dict[str, Any], client: ClientInfo) -> User | AnonymousUser:
        if is_owner(client):
            return await database_sync_to_async(owner_get)()
        return await get_user(scope)


def client_of_scope(scope: dict[str, Any]) -> ClientInfo:
    """Read an ASGI scope."""
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
    return ClientInfo(scope.get("method", "GET"), scheme, headers, (scope.get("client") or [""])[0])
