"""Two tabs on one conversation, hits that are opened, and what is undone, in Chromium."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Watch, send, written
from tests.remote_model import RemoteModel
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live]


@pytest.fixture
def remote(site: tuple[CortexServer, RemoteModel]) -> RemoteModel:
    return site[1]


def begun(context: BrowserContext, server: CortexServer, text: str) -> Page:
    """A page with a conversation, and the answer to its first question."""
    page = context.new_page()
    page.goto(server.url)
    send(page, text)
    written(page)
    return page


def test_what_one_tab_does_the_other_shows(
    watch: Watch, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts |= {"tabs": ["First answer.", "Second answer.", "Third answer."]}
    one = begun(context, server, "About tabs")
    two = context.new_page()
    two.goto(one.url)
    send(one, "More")
    written(one)
    expect(two.locator(".message--user").last).to_contain_text("More")
    expect(two.locator(".message--assistant").last).to_contain_text("Second answer.")
    for page in (one, two):
        expect(page.locator(".message")).to_have_count(4)
        ids = page.locator(".message").evaluate_all("all => all.map(e => e.id)")
        assert len(set(ids)) == 4
    send(two, "And more")
    written(two)
    expect(one.locator(".message--assistant").last).to_contain_text("Third answer.")
    expect(one.locator(".message")).to_have_count(6)
    expect(two.locator(".message")).to_have_count(6)
    two.get_by_role("button", name="Write again").last.click()
    expect(two.get_by_text("2/2")).to_be_visible()
    expect(one.get_by_text("2/2")).to_be_visible()
    two.get_by_role("button", name="Previous version").click()
    expect(one.get_by_text("1/2")).to_be_visible()
    expect(one.locator(".message")).to_have_count(6)


def test_a_new_title_stands_everywhere_and_a_deletion_too(
    watch: Watch, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts |= {"names": ["An answer."]}
    one = begun(context, server, "About names")
    two = context.new_page()
    two.goto(one.url)
    entry = one.locator(".conversation").first
    entry.hover()
    entry.get_by_role("button", name=re.compile("^Rename")).click()
    one.get_by_label("New title").fill("Vulpine tales")
    one.keyboard.press("Enter")
    for page in (one, two):
        expect(page).to_have_title("Vulpine tales · Cortex")
        expect(page.get_by_role("link", name="Vulpine tales")).to_be_visible()
    entry = one.locator(".conversation").first
    entry.hover()
    entry.get_by_role("button", name=re.compile("^Delete")).click()
    for page in (one, two):
        expect(page).to_have_url(re.compile(r"/\?deleted="))
    one.get_by_role("button", name="Undo").click()
    expect(one).to_have_title("Vulpine tales · Cortex")


def test_undo_leaves_the_chat_that_is_open(
    watch: Watch, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts |= {"keep": ["Kept."], "lose": ["Lost."]}
    begun(context, server, "To lose").close()
    page = begun(context, server, "To keep")
    address = page.url
    entry = page.locator(".conversation", has_text=re.compile("To lose|Lost"))  # by the model
    entry.hover()
    entry.get_by_role("button", name=re.compile("^Delete")).click()
    expect(entry).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(entry).to_have_count(1)
    assert page.url == address


def test_a_hit_is_opened_marked_and_left_by_keyboard(
    watch: Watch, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    long = "Water flows down to the sea.\n\n" * 40
    remote.scripts |= {"rivers": [f"The **Straße** along the Nile.\n\n{long}", long]}
    page = begun(context, server, "About rivers")
    send(page, "More")
    written(page)
    page.get_by_label("Search chats").fill("STRASSE")
    expect(page.locator(".conversation__excerpt")).to_contain_text("Straße")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search in")).to_be_focused()
    page.locator(".conversation__link").first.focus()
    page.keyboard.press("Enter")
    mark = page.locator(".message mark")
    expect(mark).to_have_text("Straße")
    expect(mark).to_be_in_viewport()
    expect(page.locator(".message--opened")).to_be_focused()
    expect(page.get_by_text("1 of 1 message")).to_be_visible()
    if folder := os.environ.get("CORTEX_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / "hits.png")
    page.get_by_role("link", name="End the search in this chat").press("Enter")
    expect(page.locator(".message mark")).to_have_count(0)
    page.get_by_label("Search chats").fill("strasse")
    page.get_by_label("Search in").select_option("you")
    expect(page.get_by_text("in what you wrote")).to_be_visible()


def test_a_file_that_is_refused_on_its_page_has_one_form(
    watch: Watch, context: BrowserContext, server: CortexServer
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/chat/import/")
    file = {"name": "chat.json", "mimeType": "application/json", "buffer": b"{}"}
    watch.network_may_fail = True  # the refusal is a 422
    page.get_by_label("JSON file").set_input_files(files=[file])
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("This file is not a chat that Cortex")).to_be_visible()
    expect(page.get_by_label("JSON file")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Cancel").click()
    expect(page).to_have_url(f"{server.url}/")


def test_stop_says_that_the_next_question_begins(
    watch: Watch, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts |= {"stopping": ["word " * 60, "Then this."]}
    remote.gate.clear()
    page = context.new_page()
    page.goto(server.url)
    send(page, "About stopping")
    send(page, "And the next?")
    page.get_by_role("button", name="Stop the answer").click()
    expect(page.get_by_text("Your next question begins now")).to_be_visible()
    remote.gate.set()
    written(page)
