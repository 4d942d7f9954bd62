"""What stands at the root, in which kind, and under which headers."""

from __future__ import annotations

import re

import pytest
import requests
from django.contrib.staticfiles import finders
from django.test import Client

from cortex_site.security import policy
from tests.server import CortexServer


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "text/event-stream, */*"])
def test_programs_get_api_information_at_the_root(accept: str) -> None:
    response = Client(SERVER_NAME="localhost", HTTP_ACCEPT=accept).get("/")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["name"] == "Cortex"
    assert response.json()["endpoints"]["health"] == "/api/health"


def test_people_get_the_chat_at_the_root(owner_client: Client) -> None:
    response = owner_client.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "Cortex" in response.content.decode()


@pytest.mark.parametrize("address", ["/", "/chat/import/", "/agents/", "/tools/", "/models/"])
def test_the_navigation_says_where_one_is(owner_client: Client, address: str) -> None:
    page = owner_client.get(address).content.decode()
    link = "/" if address.startswith("/chat/") else address
    assert re.findall(r'class="nav__link"\s+href="([^"]*)"\s+aria-current="page"', page) == [link]


def test_the_admin_bears_the_name_of_the_product(owner_client: Client) -> None:
    page = owner_client.get("/admin/").content.decode()
    assert "<title>Administration | Cortex</title>" in page
    assert "Django administration" not in page


def test_htmx_gets_the_page_too(owner_client: Client) -> None:
    response = Client(SERVER_NAME="localhost", HTTP_ACCEPT="*/*").get("/", HTTP_HX_REQUEST="true")
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/api", "/nope", "/admin/", "/docs", "/api/nope"])
def test_every_answer_carries_the_policy(path: str) -> None:
    response = Client(SERVER_NAME="localhost", HTTP_ACCEPT="text/html").get(path)
    header = response.headers["Content-Security-Policy"]
    assert header == policy(path)
    assert "default-src 'none'" in header
    assert "unsafe-eval" not in header
    assert "http:" not in header
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/admin/", "/chat/1", "/docs/x", "/docs2", "/redoc/"])
def test_only_the_readers_may_write_styles(path: str) -> None:
    assert "unsafe-inline" not in policy(path)
    assert "unsafe-inline" in policy("/docs")
    assert "script-src 'self';" in policy("/docs")


@pytest.mark.live
@pytest.mark.parametrize("name", ["cortex_site/error.css", "admin/css/base.css"])
def test_daphne_serves_static_files(cortex_server: CortexServer, name: str) -> None:
    found = finders.find(name)
    assert found, name
    response = requests.get(f"{cortex_server.url}/static/{name}", timeout=30)
    assert response.status_code == 200
    with open(found, "rb") as file:
        assert response.content == file.read()


@pytest.mark.live
@pytest.mark.parametrize("path", ["../manage.py", "%2e%2e/manage.py", "..%2f..%2fetc/passwd", ""])
def test_static_files_end_at_their_folder(cortex_server: CortexServer, path: str) -> None:
    url = f"{cortex_server.url}/static/{path}"
    request = requests.Request("GET", url).prepare()
    request.url = url
    with requests.Session() as session:
        assert session.send(request, timeout=30).status_code == 404
