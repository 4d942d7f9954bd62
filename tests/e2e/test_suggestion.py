"""A newcomer sees that the embedded model is a tiny one, and takes a better one."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from inference.library import embedded, facts
from inference.mlx_worker.gguf.folder import convert
from tests.e2e.conftest import Watch, new_chat, send, written
from tests.inference.library.hub_server import hub_served
from tests.inference.mlx_worker.fixtures import gguf_path
from tests.server import CortexServer, ServerFactory

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.model]

NOTE = "This model is a tiny one"
WAIT = 120_000  # ms
PADDING = 300_000_000  # bytes beside the weights, in a file that nobody reads


@pytest.fixture
def better(tmp_path: Path) -> Path:
    """A MODEL_CACHE_DIR with a model that seems to be a larger one than the embedded model."""
    folder = convert(gguf_path(), tmp_path / "better")
    with (folder / "padding.safetensors").open("wb") as file:
        file.truncate(PADDING)
    return tmp_path


def test_the_note_is_put_away_with_the_keyboard_and_stays_away(
    watch: Watch, context: BrowserContext, chat_server: CortexServer
) -> None:
    page = new_chat(context, chat_server)
    note = page.get_by_role("region", name=NOTE)
    expect(note).to_be_visible()
    note.get_by_role("button", name="Do not show this again").focus()
    page.keyboard.press("Enter")
    expect(note).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()
    expect(note).to_have_count(0)


def test_a_model_on_the_disk_is_taken(
    watch: Watch, context: BrowserContext, server_factory: ServerFactory, better: Path
) -> None:
    server = server_factory.start(
        env={"MODEL_CACHE_DIR": str(better), "DEFAULT_TEMPERATURE": "0", "DEFAULT_MAX_TOKENS": "16"}
    )
    page = new_chat(context, server)
    note = page.get_by_role("region", name=NOTE)
    note.get_by_role("button", name="Use better").focus()
    page.keyboard.press("Enter")
    expect(note).to_have_count(0, timeout=WAIT)
    expect(page.locator("#model option").first).to_have_text("better")
    expect(page.locator(".model-state")).to_contain_text("Ready")
    send(page, "What is the capital of France?")
    written(page)
    expect(page.locator(".message__figures")).to_contain_text("better")
    expect(note).to_have_count(0)


@pytest.mark.skipif(facts.is_apple_silicon(), reason="what is recommended here is no GGUF file")
def test_one_that_is_fetched_is_taken_when_it_is_there(
    watch: Watch, page: Page, server_factory: ServerFactory
) -> None:
    name = facts.FOR_LLAMACPP[0].name
    repository, _, tag = name.partition(":")
    source = embedded.gguf_file()
    assert source
    with hub_served() as hub:
        hub.repos[repository] = {f"Model-{tag}.gguf": source.read_bytes()}
        hub.down = True
        server = server_factory.start(env={"HF_ENDPOINT": hub.url, "MODEL_MEMORY_LIMIT": "8G"})
        page.goto(server.url)
        note = page.get_by_role("region", name=NOTE)
        get = note.get_by_role("button", name="Get ")
        get.click()
        expect(note.get_by_role("alert")).to_be_visible(timeout=WAIT)
        expect(page.locator("#model option").first).to_have_text(embedded.MODEL)
        hub.down = False
        get.click()
        expect(note).to_have_count(0, timeout=WAIT)
        expect(page.locator("#model option").first).to_have_text(name)
