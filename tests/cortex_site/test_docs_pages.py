"""/docs, /redoc and /openapi.json: complete without a network."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.test import Client
from playwright.sync_api import Page

from tests.server import CortexServer, ServerFactory

REMOTE = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_readers_name_no_other_host_and_nothing_inline(path: str) -> None:
    response = Client(SERVER_NAME="localhost").get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert not REMOTE.search(page)
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.live
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_all_that_the_readers_load_is_served(cortex_server: CortexServer, path: str) -> None:
    page = requests.get(cortex_server.url + path, timeout=30).text
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(assets) >= 3
    for asset in assets:
        assert requests.get(cortex_server.url + asset, timeout=30).status_code == 200, asset


@pytest.mark.django_db
def test_redoc_comes_whole_and_asks_no_other_host_for_its_logo() -> None:
    response = Client(SERVER_NAME="localhost").get("/redoc/redoc.js")
    assert response.headers["Content-Type"] == "text/javascript"
    assert b"cdn.redoc.ly" not in response.content
    assert b'src:"/static/icon.svg"' in response.content
    assert len(response.content) > 500_000


@pytest.mark.live
def test_many_first_readers_get_one_schema(server_factory: ServerFactory) -> None:
    server = server_factory.start()

    def read(_: int) -> tuple[int, bytes]:
        response = requests.get(f"{server.url}/openapi.json", timeout=60)
        return response.status_code, response.content

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(read, range(8)))
    [(status, content)] = answers
    assert status == 200
    assert b'"openapi": "3.1.0"' in content


@pytest.mark.live
def test_the_schema_covers_the_routes_of_every_part(cortex_server: CortexServer) -> None:
    schema = requests.get(f"{cortex_server.url}/openapi.json", timeout=60).json()
    assert schema["info"]["title"] == "Cortex"
    for path in ("/", "/api", "/api/health", "/api/models", "/api/chat/completions", "/ask"):
        assert path in schema["paths"], path


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize(
    ("path", "selector"),
    [("/docs", ".opblock"), ("/redoc", "h1:has-text('Cortex')"), ("/admin/", "#content-main")],
)
def test_the_policy_lets_the_page_work(
    cortex_server: CortexServer, page: Page, path: str, selector: str
) -> None:
    """In Chromium: it shows, nothing leaves the machine, and no own file is refused."""
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(cortex_server.url + path)
    page.locator(selector).first.wait_for(timeout=60_000)
    own = (cortex_server.url, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert [text for text in said if "Security Policy" in text] == []
