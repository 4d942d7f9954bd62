"""Who may come in over HTTP: Host, Origin, proxies, kinds of body."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db

FOREIGN = "https://evil.example"


def call(method: str, path: str, **meta: Any) -> Any:
    """A request with nothing set but what a table row says."""
    client = Client(enforce_csrf_checks=True)
    return client.generic(method, path, **{"SERVER_NAME": "localhost", **meta})


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example:8000", 400),
        ("localhost,evil.example", 400),
        ("localhost@evil.example", 400),
        ("", 400),
    ],
)
def test_only_known_hosts_are_served(host: str, status: int) -> None:
    response = call("GET", "/api", HTTP_HOST=host)
    assert response.status_code == status
    if status == 400:
        assert response.json()["error"]["code"] == "host_not_allowed"


@pytest.mark.parametrize(
    ("origin", "fetch_site", "status"),
    [
        (None, None, 404),
        (None, "same-origin", 404),
        (None, "none", 404),
        (None, "cross-site", 403),
        (None, "same-site", 403),
        ("http://localhost", "same-origin", 404),
        ("http://localhost:3000", "same-site", 404),  # ALLOWED_ORIGINS
        ("http://localhost:3002", "same-site", 403),
        ("https://localhost", "cross-site", 403),
        (FOREIGN, "cross-site", 403),
        (FOREIGN, None, 403),
        ("null", "cross-site", 403),
        ("", None, 403),
        ("http://localhost.evil.example", None, 403),
        ("http://[", None, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_pages_of_other_sites_change_nothing(
    method: str, origin: str | None, fetch_site: str | None, status: int
) -> None:
    """404 stands for "let in": the route does not exist."""
    headers = {"HTTP_ORIGIN": origin, "HTTP_SEC_FETCH_SITE": fetch_site}
    given = {name: value for name, value in headers.items() if value is not None}
    assert call(method, "/api/nothing", **given).status_code == status


def test_a_foreign_page_may_look_but_its_browser_will_not_show_it() -> None:
    response = call("GET", "/api", HTTP_ORIGIN=FOREIGN)
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://localhost:3001"])
def test_cors_lets_the_allowed_origins_in(origin: str) -> None:
    response = call("GET", "/api", HTTP_ORIGIN=origin)
    assert response.headers["Access-Control-Allow-Origin"] == origin
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST", "HTTP_ORIGIN": origin}
    preflight = call("OPTIONS", "/api/chat/completions", **asked)
    assert preflight.status_code == 200
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "127.0.0.2"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "192.168.1.7"}, 401),
        ({"REMOTE_ADDR": "::ffff:192.168.1.7"}, 401),
        ({"REMOTE_ADDR": ""}, 401),
        ({"SERVER_NAME": "testserver"}, 401),  # served, yet no name of this machine's loopback
        ({"HTTP_FORWARDED": "for=1.2.3.4"}, 401),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 401),
        ({"HTTP_X_FORWARDED_HOST": "localhost"}, 401),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, 401),
        ({"HTTP_X_FORWARDED_ANYTHING": "1"}, 401),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, 401),
        ({"HTTP_VIA": "1.1 proxy"}, 401),
    ],
)
def test_the_owner_comes_over_loopback_and_through_no_proxy(
    meta: dict[str, str], status: int
) -> None:
    response = call("GET", "/api", **meta)
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["code"] == "not_authenticated"
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/", "/admin/", "/docs", "/openapi.json", "/anything"])
def test_strangers_see_no_page_at_all(path: str) -> None:
    response = call("GET", path, HTTP_X_FORWARDED_FOR="1.2.3.4", HTTP_ACCEPT="text/html")
    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/health", "/api/health", "/api/ready"])
def test_probes_need_no_owner(path: str) -> None:
    assert call("GET", path, HTTP_X_FORWARDED_FOR="1.2.3.4").status_code in (200, 503)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 400),
        ("application/json; charset=utf-8", 400),
        ("Application/JSON", 400),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain; application/json", 415),
        ("", 415),
    ],
)
def test_the_api_takes_json_only(kind: str, status: int) -> None:
    client = Client(SERVER_NAME="localhost")
    response = client.generic("POST", "/api/agents/plan", b"{}", content_type=kind or "x")
    assert response.status_code == status
    assert "error" in response.json()


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/v1/nothing", "/api/agents/nothing"])
def test_what_is_not_there_is_not_there_whatever_is_sent_to_it(path: str) -> None:
    client = Client(SERVER_NAME="localhost")
    response = client.generic("POST", path, b"x", content_type="text/plain")
    assert response.status_code == 404


def test_a_post_without_body_needs_no_content_type() -> None:
    assert call("POST", "/api/nothing").status_code == 404


def test_the_owner_is_one_user_and_has_no_password(owner: User) -> None:
    call("GET", "/api")
    call("GET", "/api")
    assert list(User.objects.all()) == [owner]
    assert owner.is_superuser
    assert not owner.has_usable_password()


def test_forms_need_their_token(owner_client: Client) -> None:
    client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost", HTTP_ACCEPT="text/html")
    response = client.post("/admin/auth/user/add/", {"username": "x"})
    assert response.status_code == 403
    assert b"Reload the page" in response.content
