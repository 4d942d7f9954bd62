"""What all pages share: nothing leaves the machine, chats beside them, errors where they belong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import ANSWER, written
from tests.e2e.screenshots import DESKTOP, PHONE
from tests.inference.library.hub_server import hub_served
from tests.remote_model import RemoteModel, step
from tests.server import CortexServer, ServerFactory

pytestmark = [pytest.mark.browser, pytest.mark.live]

ADDRESSES = [
    "/", "/chat/import/", "/agents/", "/agents/compare", "/tools/", "/tools/tool/calculator/",
    "/models/", "/admin/", "/docs", "/redoc", "/nope",
]  # fmt: skip
DEVICES = {"desktop": DESKTOP, "phone": PHONE}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scheme(device: str) -> str:
    """Each theme and each device is seen; what is tried here does not depend on the pair."""
    return "light" if device == "desktop" else "dark"


@pytest.fixture
def page(
    browser: Browser, site: tuple[CortexServer, RemoteModel], scheme: str, device: str
) -> Iterator[Page]:
    options: dict[str, Any] = DEVICES[device]
    context = browser.new_context(color_scheme=scheme, **options)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_no_page_asks_another_host_or_is_wider_than_the_screen(
    page: Page, server: CortexServer
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in ADDRESSES:
        page.goto(server.url + address, wait_until="networkidle")
        if address not in ("/docs", "/redoc", "/admin/"):  # theirs is another's design
            width = page.viewport_size and page.viewport_size["width"]
            assert page.evaluate("document.documentElement.scrollWidth") == width, address
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), address
    own = (server.url, server.ws_url, "data:", "blob:")
    assert len(asked) > 2 * len(ADDRESSES)
    assert [url for url in asked if not url.startswith(own)] == []


def test_the_navigation_leads_out_of_every_page(
    page: Page, server: CortexServer, device: str
) -> None:
    for address in ("/nope", "/agents/", "/models/", "/tools/"):
        page.goto(server.url + address)
        link = page.locator("#sidebar").get_by_role("link", name="Agents")
        if device == "phone":
            expect(link).not_to_be_in_viewport()
            page.get_by_role("button", name="Open navigation").tap()
        expect(link).to_be_in_viewport()
        link.click()
        expect(page.get_by_role("heading", name="Agents", exact=True)).to_be_visible()


def test_the_chats_are_beside_every_page_and_work_there(
    page: Page, server: CortexServer, site: tuple[CortexServer, RemoteModel], device: str
) -> None:
    site[1].scripts["Greet me"] = ["Hello."]
    page.goto(server.url)
    page.get_by_label("Message", exact=True).fill("Greet me")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message--assistant")).to_contain_text("Hello.", timeout=ANSWER)
    chat = re.sub(r"\?.*", "", page.url)
    page.goto(f"{server.url}/tools/")
    entry = page.locator(f'.conversation:has(a[href^="{chat.removeprefix(server.url)}"])')
    if device == "phone":
        expect(entry).not_to_be_in_viewport()
        page.get_by_role("button", name="Open navigation").tap()
    expect(entry).to_be_visible()
    if device == "desktop":  # by keyboard
        entry.get_by_role("button", name=re.compile("^Rename")).focus()
        page.keyboard.press("Enter")
        page.get_by_label("New title").fill("Never mind")
        page.keyboard.press("Escape")
        expect(page.get_by_label("New title")).to_have_count(0)
        expect(entry).not_to_contain_text("Never mind")
        page.get_by_label("Search chats").fill("nothing of this")
        expect(page.locator("#conversations")).to_contain_text("Nothing found")
        page.get_by_label("Search chats").fill("greet")
    entry.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(chat)}"))  # a hit is opened where it stands


def test_the_figures_of_an_answer_are_behind_a_button(
    page: Page, server: CortexServer, site: tuple[CortexServer, RemoteModel], device: str
) -> None:
    site[1].scripts["Figures"] = ["One two three."]
    page.goto(server.url)
    page.get_by_label("Message", exact=True).fill("Figures, please")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message--assistant")).to_contain_text("One two three.", timeout=ANSWER)
    written(page)
    figures = page.locator(".message__figures")
    expect(figures).to_be_hidden()
    button = page.locator("summary[aria-label='Figures of this answer']")
    if device == "phone":
        button.tap()
    else:
        button.focus()
        page.keyboard.press("Enter")
    expect(figures).to_be_visible()
    expect(figures).to_contain_text("scripted-remote")
    expect(figures).to_contain_text("3 tokens")
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("innerWidth")


def test_the_agents_button_says_what_it_is(page: Page, server: CortexServer) -> None:
    page.goto(server.url)
    button = page.get_by_role("button", name="Solve with agent")
    expect(button).to_have_text("Agent")
    expect(button).to_be_in_viewport()


@pytest.mark.parametrize("device", ["desktop"], indirect=True)
def test_an_agents_answer_comes_over_its_socket_alone(
    page: Page, server: CortexServer, site: tuple[CortexServer, RemoteModel]
) -> None:
    _, remote = site
    slow = step("calculator", " ".join(f"word{n}" for n in range(60)), expression="1+1")
    remote.scripts["by socket"] = [slow, step("finish", answer="It is 2.")]
    remote.gate.clear()
    page.goto(server.url)
    page.get_by_label("Message", exact=True).fill("by socket")
    page.get_by_role("button", name="Solve with agent").click()
    answer = page.locator(".message--assistant")
    expect(answer.locator(".step__writing")).to_contain_text("word1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    mine = [url for url in asked if "/chat/messages/" in url or "/agents/" in url]
    assert mine == [], "while nothing happens nothing is asked"
    remote.gate.set()
    expect(answer.locator(".prose")).to_contain_text("It is 2.", timeout=60_000)
    expect(page.locator("[data-live]")).to_have_count(0)
    mine = [url for url in asked if "/chat/messages/" in url]
    assert len(mine) <= 1, "the answer is asked for once, when the run has said its last"
    page.reload()
    expect(answer.locator(".prose")).to_contain_text("It is 2.")


def test_an_error_of_a_download_stays_at_its_field(
    page: Page, server_factory: ServerFactory
) -> None:
    with hub_served() as hub:
        server = server_factory.start(env={"HF_ENDPOINT": hub.url})
        page.goto(f"{server.url}/models/")
        field = page.get_by_label("Model id")
        field.fill("someone/not-there")
        field.press("Enter")
        error = page.locator("#add").get_by_role("alert")
        expect(error).to_be_visible()
        expect(field).to_have_value("someone/not-there")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        for _ in range(2):  # the list is asked for anew
            with page.expect_response(re.compile("version=")):
                pass
        expect(error).to_be_in_viewport()
        assert page.evaluate("document.scrollingElement.scrollTop") == 0, "the frame stays"
        boxes = [error.bounding_box(), field.bounding_box()]
        assert boxes[0]
        assert boxes[1]
        assert 0 <= boxes[0]["y"] - boxes[1]["y"] - boxes[1]["height"] < 24
