"""A person chats with the embedded model in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import ANSWER, first_words, new_chat, send, shorten, written
from tests.prompts import LONG
from tests.remote_model import RemoteModel
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.model]


def answer(page: Page) -> str:
    return page.locator(".message--assistant").last.locator(".prose").inner_text().strip()


def shown_id(page: Page) -> str | None:
    return page.locator(".message--assistant").last.get_attribute("id")


def stopped_story(page: Page) -> str:
    """A long answer, stopped after its first words."""
    send(page, LONG)
    first_words(page)
    page.get_by_role("button", name="Stop the answer").click()
    written(page)
    return answer(page)


def test_words_arrive(chat: Page) -> None:
    send(chat, LONG)
    expect(chat.locator(".prose__tail")).not_to_be_empty(timeout=ANSWER)
    expect(chat.locator("[data-live]")).to_have_count(1)
    chat.get_by_role("button", name="Stop the answer").click()
    written(chat)


def test_an_answer_stands(chat: Page) -> None:
    send(chat, "What is the capital of France?")
    expect(chat).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    written(chat)
    expect(chat.locator(".message--assistant .prose")).to_contain_text("Paris")
    expect(chat.locator(".message__figures")).to_contain_text("tokens/s")
    expect(chat.locator("#gauge")).to_contain_text("%")
    expect(chat.locator(".model-state")).to_contain_text("Ready")
    chat.reload()
    expect(chat.locator(".message--assistant .prose")).to_contain_text("Paris")


def test_stop_then_continue(chat: Page) -> None:
    kept = stopped_story(chat)
    expect(chat.get_by_text("Stopped", exact=True)).to_be_visible()
    shorten(chat, 8)
    chat.get_by_role("button", name="Continue").click()
    expect(chat.locator("[data-live]")).to_have_count(1)
    written(chat)
    continued = answer(chat)
    assert continued.startswith(kept)
    assert len(continued) > len(kept)


def test_regenerate_and_go_through_the_versions(chat: Page) -> None:
    stopped_story(chat)
    first = shown_id(chat)
    shorten(chat, 3)
    chat.get_by_role("button", name="Write again").click()
    expect(chat.get_by_text("2/2")).to_be_visible()
    written(chat)
    second = shown_id(chat)
    assert second != first
    chat.get_by_role("button", name="Previous version").click()
    expect(chat.get_by_text("1/2")).to_be_visible()
    assert shown_id(chat) == first
    chat.get_by_role("button", name="Next version").click()
    expect(chat.get_by_text("2/2")).to_be_visible()
    assert shown_id(chat) == second


def test_edit_and_send_again(chat: Page) -> None:
    stopped_story(chat)
    shorten(chat, 8)
    chat.locator(".message--user").hover()
    chat.get_by_role("button", name="Edit").click()
    box = chat.get_by_label("Your message")
    expect(box).to_be_focused()
    box.fill("What is the capital of Italy?")
    chat.keyboard.press("Enter")
    expect(chat.locator(".message--user")).to_contain_text("Italy")
    written(chat)
    chat.locator(".message--user").hover()
    chat.locator(".message--user").get_by_role("button", name="Previous version").click()
    expect(chat.locator(".message--user")).to_contain_text("fox")


def test_a_message_sent_meanwhile_waits_its_turn(chat: Page) -> None:
    send(chat, LONG)
    first_words(chat)
    send(chat, "What is the capital of France?")
    expect(chat.get_by_text("begins when the answer above has ended")).to_be_visible()
    shorten(chat, 12)
    chat.get_by_role("button", name="Stop the answer").click()
    expect(chat.locator(".message--assistant").last).to_contain_text("Paris", timeout=ANSWER)
    written(chat)


def test_a_reload_goes_on_where_it_was(chat: Page) -> None:
    send(chat, LONG)
    before = first_words(chat)
    chat.reload()
    assert first_words(chat).startswith(before[:10])
    length = len(first_words(chat))
    chat.wait_for_function(
        "n => document.querySelector('.message--assistant .prose').innerText.length > n",
        arg=length,
        timeout=ANSWER,
    )
    chat.get_by_role("button", name="Stop the answer").click()
    written(chat)


def test_a_killed_tab_loses_nothing(
    chat: Page, context: BrowserContext, chat_server: CortexServer
) -> None:
    send(chat, LONG)
    before = first_words(chat)
    address = chat.url
    chat.close(run_before_unload=False)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("[data-live]")).to_have_count(1)
    assert first_words(page).startswith(before[:10])
    second = context.new_page()
    second.goto(address)
    page.get_by_role("button", name="Stop the answer").click()
    written(page)
    written(second)
    assert answer(page) == answer(second)


def test_by_keyboard_alone(chat: Page) -> None:
    chat.keyboard.press("Tab")
    chat.keyboard.press("Shift+Tab")
    chat.locator("body").press("Tab")
    chat.get_by_label("Message", exact=True).focus()
    chat.keyboard.type(LONG)
    chat.keyboard.press("Shift+Enter")
    chat.keyboard.type("It is short.")
    chat.keyboard.press("Enter")
    expect(chat.locator(".message--user")).to_contain_text("It is short.")
    expect(chat.get_by_label("Message", exact=True)).to_be_focused()
    first_words(chat)
    chat.keyboard.press("Escape")
    written(chat)
    settings = chat.get_by_role("link", name="Settings of this chat")
    settings.focus()
    chat.keyboard.press("Enter")
    expect(chat.locator("#dialog")).to_be_visible()
    chat.keyboard.press("Escape")
    expect(chat.locator("#dialog")).to_be_hidden()
    expect(settings).to_be_focused()
    chat.keyboard.press("Control+Home")
    chat.reload()
    chat.locator(".skip-link").focus()
    expect(chat.locator(".skip-link")).to_be_in_viewport()


def test_titles_lists_and_bin(chat: Page) -> None:
    stopped_story(chat)
    entry = chat.locator(".conversation").first
    entry.hover()
    entry.get_by_role("button", name=re.compile("^Rename")).click()
    chat.get_by_label("New title").fill("Vulpine tales")
    chat.keyboard.press("Enter")
    expect(chat.get_by_role("link", name="Vulpine tales")).to_be_visible()
    chat.get_by_label("Search chats").fill("vulp")
    expect(chat.locator(".conversation")).to_have_count(1)
    entry.hover()
    entry.get_by_role("button", name=re.compile("^Delete")).click()
    expect(chat).to_have_url(re.compile(r"/\?deleted="))
    chat.get_by_role("button", name="Undo").click()
    expect(chat.locator(".message--user")).to_contain_text("fox")


def test_on_a_phone(browser: Browser, chat_server: CortexServer) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = new_chat(context, chat_server)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    expect(page.locator("#sidebar")).not_to_be_in_viewport()
    page.get_by_role("button", name="Open navigation").tap()
    expect(page.get_by_role("link", name="Models")).to_be_in_viewport()
    page.locator("#sidebar").get_by_role("button", name="Close navigation").tap()
    page.get_by_label("Message", exact=True).fill("What is the capital of France?")
    page.get_by_role("button", name="Send").tap()
    expect(page.locator(".message--assistant")).to_contain_text("Paris", timeout=ANSWER)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_the_theme_is_kept(chat: Page) -> None:
    dark = "getComputedStyle(document.body).backgroundColor"
    light = chat.evaluate(dark)
    chat.get_by_role("button", name="Dark").click()
    assert chat.evaluate(dark) != light
    chat.reload()
    assert chat.evaluate(dark) != light
    chat.get_by_role("button", name="As the system").click()
    assert chat.evaluate(dark) == light


def test_settings_come_before_the_first_message(chat: Page) -> None:
    """By keyboard: they are unfolded, filled in and sent along; a bad one is shown, not lost."""
    chat.locator(".new-settings > summary").focus()
    chat.keyboard.press("Enter")
    chat.get_by_label("Longest answer").fill("3")
    chat.get_by_label("Temperature").fill("5")
    chat.locator(".new-settings > summary").press("Enter")
    expect(chat.get_by_label("Temperature")).to_be_hidden()
    chat.get_by_label("Message", exact=True).fill("What is the capital of France?")
    chat.keyboard.press("Enter")
    expect(chat.get_by_label("Temperature")).to_be_focused()
    chat.get_by_label("Temperature").fill("0")
    guard = chat.get_by_role("radiogroup", name="Repetition guard")
    guard.get_by_role("radio", name="On").focus()
    chat.keyboard.press("ArrowRight")
    expect(guard.get_by_role("radio", name="Off")).to_be_checked()
    send(chat, "What is the capital of France?")
    written(chat)
    expect(chat.locator(".outcome")).to_contain_text("The limit on an answer's length")
    chat.get_by_role("link", name="Settings of this chat").click()
    dialog = chat.locator("#dialog")
    expect(dialog.get_by_label("Longest answer")).to_have_value("3")
    expect(dialog.get_by_label("Top-k")).to_have_attribute("placeholder", "0")
    expect(guard.get_by_role("radio", name="Off")).to_be_checked()


def test_an_answer_that_repeats_itself_is_ended_and_tried_again(
    page: Page, site: tuple[CortexServer, RemoteModel]
) -> None:
    server, remote = site
    remote.scripts["red"] = ["It is red, and it is round. " * 200]
    page.goto(server.url)
    send(page, "List everything red")
    ended = page.get_by_text("The answer began to repeat itself and was ended.")
    expect(ended).to_be_visible(timeout=ANSWER)
    page.reload()
    expect(ended).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("2/2")).to_be_visible()
    expect(ended).to_be_visible(timeout=ANSWER)
