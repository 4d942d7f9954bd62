"""A real server with the embedded model, and pages that complain of any error in the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.remote_model import RemoteModel, scripted_site
from tests.server import CortexServer, ServerFactory

ANSWER = 240_000  # ms: a small machine under load writes a few words a second
# The likeliest answers, so that a test can say what stands in them; and long ones stay long.
GREEDY = {"DEFAULT_TEMPERATURE": "0", "REPETITION_GUARD": "off"}
NETWORK = (  # what the browser and htmx write of a request that failed
    "WebSocket",
    "Failed to load resource",
    "net::ERR",
    "[object Event]",
    "htmx:",
    "Response Status Error",
)


@pytest.fixture(scope="session")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CortexServer]:
    """The product with the embedded model."""
    factory = ServerFactory(tmp_path_factory.mktemp("chat"))
    yield factory.start(env=GREEDY)
    factory.close()


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[CortexServer, RemoteModel]]:
    """A server whose default model is scripted, and the script."""
    with scripted_site() as made:
        yield made


@pytest.fixture(scope="module")
def server(site: tuple[CortexServer, RemoteModel]) -> CortexServer:
    return site[0]


class Watch:
    """What went wrong in the browser. Tests that break the connection allow for network errors."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.network_may_fail = False

    def console(self, message: ConsoleMessage) -> None:
        # Playwright hides the caret for screenshots with a style that the policy refuses.
        if message.type == "error" and "caret-color" not in message.text:
            self.complaints.append(message.text)

    def error(self, error: Exception) -> None:
        self.complaints.append(str(error))

    def wrong(self) -> list[str]:
        if not self.network_may_fail:
            return self.complaints
        return [text for text in self.complaints if not any(word in text for word in NETWORK)]


@pytest.fixture
def watch(context: BrowserContext) -> Iterator[Watch]:
    watch = Watch()

    def look(page: Page) -> None:
        page.on("console", watch.console)
        page.on("pageerror", watch.error)

    context.on("page", look)
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    expect.set_options(timeout=20_000)
    yield watch
    assert watch.wrong() == []


@pytest.fixture
def chat(watch: Watch, context: BrowserContext, chat_server: CortexServer) -> Page:
    """A new chat."""
    return new_chat(context, chat_server)


def new_chat(context: BrowserContext, server: CortexServer) -> Page:
    page = context.new_page()
    page.goto(server.url)
    return page


def send(page: Page, text: str) -> None:
    """Type and press Enter; from a new chat this leads to the conversation."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".message--user").last).to_contain_text(text)


def written(page: Page) -> None:
    """Wait until nothing is being written."""
    expect(page.locator("[data-live]")).to_have_count(0, timeout=ANSWER)


def first_words(page: Page) -> str:
    """Wait for the first words of the last answer."""
    words = page.locator(".message--assistant").last.locator(".prose")
    expect(words).to_contain_text("a", timeout=ANSWER)
    return words.inner_text()


def shorten(page: Page, tokens: int) -> None:
    """Set the longest answer of this conversation, through its settings."""
    page.get_by_role("link", name="Settings of this chat").click()
    page.get_by_label("Longest answer").fill(str(tokens))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#dialog")).to_be_hidden()


def permit(page: Page, **words: str) -> None:
    """Set what this chat may do with tools: "Off", "Ask" or "On"."""
    page.get_by_role("link", name="Settings of this chat").click()
    for tool, word in words.items():
        label = tool.replace("_", " ").capitalize()
        page.get_by_role("radiogroup", name=label).get_by_role("radio", name=word).check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#dialog")).to_be_hidden()
