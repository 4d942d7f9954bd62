"""What stands at the root, in which kind, and under which headers."""

from __future__ import annotations

import re

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from chat import services
from cortex_site.errors import is_api
from cortex_site.security import policy
from tests.scripted import ScriptedEngine
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


@pytest.mark.parametrize(
    "address", ["/", "/chat/import/", "/agents/", "/agents/compare", "/tools/", "/models/"]
)
def test_the_chats_stand_beside_every_page(
    owner: User, owner_client: Client, scripted: ScriptedEngine, address: str
) -> None:
    scripted.fallback = scripted.reply("Blue.")
    chat = services.conversation_create(owner=owner, title="Colours", auto_title=False)
    services.message_send(conversation=chat, text="Why is the sky blue?")
    page = owner_client.get(address).content.decode()
    assert f'href="/chat/{chat.id}/"' in page
    assert "Colours" in page
    assert page.count('id="conversations"') == 1


# --- Addresses ------------------------------------------------------------------------------------

SAMPLES = {"uuid": "6f1d9e5c-0000-4000-8000-000000000000", "int": "1", "str": "x", "path": "x"}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> list[str]:
    """All addresses of the site's own, with something where they take something."""
    found: list[str] = []
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append(address)
        elif pattern.app_name != "admin":
            found += addresses(pattern.url_patterns, address)
    return [re.sub(r"<(\w+):\w+>", lambda name: SAMPLES[name[1]], one) for one in found]


PAGES = [
    address
    for address in addresses(get_resolver("cortex_site.urls").url_patterns)
    if not is_api(address) and address != "/" and "^" not in address
]
OTHERS = ["/admin/", "/admin/inference/languagemodel/", "/admin/login/"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_slash_too_few_or_too_many_leads_to_the_page(owner_client: Client, debug: bool) -> None:
    """Permanently, with method and body: that is what 308 says."""
    for address in PAGES + OTHERS:
        written = address.removesuffix("/") if address.endswith("/") else f"{address}/"
        with override_settings(DEBUG=debug):
            for send in (owner_client.get, owner_client.post):
                response = send(f"{written}?q=a%20b")
                told = (response.status_code, response.headers.get("Location"))
                assert told == (308, f"{address}?q=a%20b"), written


def test_the_pages_are_found() -> None:
    assert {"/agents/", "/tools/", "/models/", "/chat/", "/docs", "/redoc"} <= set(PAGES)


def test_a_post_without_the_slash_arrives_with_its_body(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    response = owner_client.post("/agents", {"goal": "", "context": "kept"}, follow=True)
    assert response.redirect_chain == [("/agents/", 308)]
    assert (response.status_code, "kept" in response.content.decode()) == (422, True)


@pytest.mark.parametrize("path", ["/api/models/", "/api/health/", "/v1/models/", "/api/agents"])
def test_what_is_for_programs_is_taken_as_it_is(owner_client: Client, path: str) -> None:
    assert owner_client.get(path).status_code == 404
    assert owner_client.post(path, {}, content_type="application/json").status_code == 404


@pytest.mark.parametrize(
    "path", ["/nope", "/nope/", "/admin/nope", "/admin/nope/", "//agents", "//evil.example/agents"]
)
def test_where_nothing_is_nobody_is_sent(owner_client: Client, path: str) -> None:
    response = owner_client.get("/", PATH_INFO=path)  # as it is: `//` would begin a host
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("path", "kind", "begins"),
    [
        ("/favicon.ico", "image/", b"\0\0\1\0"),
        ("/apple-touch-icon.png", "image/png", b"\x89PNG"),
        ("/robots.txt", "text/plain", b"User-agent: *\nDisallow: /"),
    ],
)
def test_what_browsers_and_robots_ask_for_by_themselves(
    path: str, kind: str, begins: bytes
) -> None:
    response = Client(SERVER_NAME="localhost").get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(kind)
    assert b"".join(response.streaming_content).startswith(begins)  # type: ignore[attr-defined]


# --- The admin, and headers -----------------------------------------------------------------------


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
