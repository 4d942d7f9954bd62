"""What is written and not sent yet: which key sends, and what a reload leaves of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.e2e.conftest import Watch, new_chat, send, written
from tests.e2e.screenshots import PHONE
from tests.remote_model import RemoteModel, step
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live]

ENTER = """(box, init) => box.dispatchEvent(
  new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }))"""


@pytest.fixture
def page(watch: Watch, context: BrowserContext, site: tuple[CortexServer, RemoteModel]) -> Page:
    site[1].scripts["Hello"] = ["Hello to you."]
    return new_chat(context, site[0])


@pytest.fixture
def phone(browser: Browser, site: tuple[CortexServer, RemoteModel]) -> Iterator[Page]:
    site[1].scripts["Hello"] = ["Hello to you."]
    context = browser.new_context(**PHONE)
    yield new_chat(context, site[0])
    context.close()


def message(page: Page) -> Locator:
    return page.get_by_label("Message", exact=True)


def begin(page: Page) -> None:
    """A conversation of one question and its answer."""
    send(page, "Hello")
    written(page)


def sent(page: Page) -> Locator:
    return page.locator(".message__words")


# --- Keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", ["Shift+Enter", "Alt+Enter"])
def test_shift_and_alt_break_the_line(page: Page, keys: str) -> None:
    begin(page)
    message(page).fill("onetwo")
    for _ in "two":
        page.keyboard.press("ArrowLeft")
    page.keyboard.press(keys)
    expect(message(page)).to_have_value("one\ntwo")
    page.keyboard.press("Control+z")
    expect(message(page)).to_have_value("onetwo")
    expect(sent(page)).to_have_count(1)


@pytest.mark.parametrize("keys", ["Enter", "Control+Enter", "Meta+Enter"])
def test_enter_alone_or_with_control_sends(page: Page, keys: str) -> None:
    begin(page)
    message(page).fill("Hello again")
    page.keyboard.press(keys)
    expect(sent(page)).to_have_count(2)
    expect(message(page)).to_have_value("")
    written(page)


@pytest.mark.parametrize("keys", ["Enter", "Shift+Enter", "Alt+Enter"])
def test_on_a_phone_enter_breaks_the_line_and_the_button_sends(phone: Page, keys: str) -> None:
    message(phone).fill("Hello")
    phone.keyboard.press(keys)
    phone.keyboard.type("you")
    expect(message(phone)).to_have_value("Hello\nyou")
    expect(message(phone)).to_have_attribute("enterkeyhint", "enter")
    phone.get_by_role("button", name="Send").tap()
    expect(phone).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    assert sent(phone).inner_text() == "Hello\nyou"
    written(phone)


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_a_keyboard_at_a_phone_sends_with_control(phone: Page, keys: str) -> None:
    message(phone).fill("Hello")
    phone.keyboard.press(keys)
    expect(sent(phone)).to_have_text("Hello")
    written(phone)


@pytest.mark.parametrize(
    "init",
    [{"isComposing": True}, {"keyCode": 229}, {"keyCode": 229, "ctrlKey": True}],
    ids=["others", "safari", "with control"],
)
def test_the_enter_that_ends_a_composition_sends_nothing(page: Page, init: dict[str, Any]) -> None:
    begin(page)
    message(page).fill("こんにちは")
    assert message(page).evaluate(ENTER, init), "the browser may do with it what it does"
    expect(message(page)).to_have_value("こんにちは")
    expect(sent(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(sent(page)).to_have_count(2)
    written(page)


def test_a_composition_that_is_typed_is_sent_by_the_next_enter(page: Page) -> None:
    begin(page)
    message(page).focus()
    client = page.context.new_cdp_session(page)
    text = {"text": "に", "selectionStart": 1, "selectionEnd": 1}
    client.send("Input.imeSetComposition", text)
    key = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    client.send("Input.dispatchKeyEvent", key)
    client.send("Input.insertText", {"text": "日"})
    expect(message(page)).to_have_value("日")
    expect(sent(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(sent(page)).to_have_count(2)
    written(page)


def test_the_edit_box_has_the_same_keys(page: Page) -> None:
    begin(page)
    page.get_by_role("button", name="Edit").focus()
    page.keyboard.press("Enter")
    box = page.get_by_label("Your message")
    expect(box).to_be_focused()
    box.fill("Hello")
    page.keyboard.press("Alt+Enter")
    page.keyboard.type("you")
    assert box.evaluate(ENTER, {"keyCode": 229})
    assert box.evaluate(ENTER.replace("Enter", "Escape"), {"keyCode": 229})
    expect(box).to_have_value("Hello\nyou")
    page.keyboard.press("Control+Enter")
    expect(sent(page)).to_have_text("Hello\nyou")
    expect(box).to_have_count(0)
    written(page)


def test_a_goal_is_sent_with_control_and_enter_breaks_its_line(
    page: Page, site: tuple[CortexServer, RemoteModel]
) -> None:
    server, remote = site
    remote.scripts["two lines"] = [step("finish", answer="done")]
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill("two lines")
    page.keyboard.press("Enter")
    page.keyboard.type("here")
    expect(page.get_by_label("Goal")).to_have_value("two lines\nhere")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"/agents/[0-9a-f-]{36}/$"))
    page.goto(f"{server.url}/agents/")
    expect(page.get_by_label("Goal")).to_have_value("")


# --- Drafts ---------------------------------------------------------------------------------------


def test_each_chat_keeps_its_draft_over_reloads_and_leaving(
    page: Page, context: BrowserContext, server: CortexServer
) -> None:
    begin(page)
    first = page.url
    message(page).fill("half a thought")
    page.reload()
    expect(message(page)).to_have_value("half a thought")
    page.goto(server.url)
    expect(message(page)).to_have_value("")
    message(page).fill("a new one")
    page.goto(f"{server.url}/models/")
    page.goto(first)
    expect(message(page)).to_have_value("half a thought")
    page.close()
    again = context.new_page()
    again.goto(server.url)
    expect(message(again)).to_have_value("a new one")
    again.keyboard.type(", continued")  # the caret stands at its end
    expect(message(again)).to_have_value("a new one, continued")


def test_what_was_sent_is_no_draft_any_more(page: Page, server: CortexServer) -> None:
    message(page).fill("Hello, a draft")
    page.reload()
    page.keyboard.press("Enter")
    expect(sent(page)).to_have_text("Hello, a draft")
    written(page)
    chat = page.url
    page.goto(server.url)
    expect(message(page)).to_have_value("")
    page.goto(chat)
    message(page).fill("Hello again")
    page.keyboard.press("Enter")
    expect(sent(page)).to_have_count(2)
    written(page)
    page.reload()
    expect(message(page)).to_have_value("")


@pytest.mark.parametrize("failure", ["abort", "refuse"])
def test_a_draft_outlives_a_send_that_fails(page: Page, watch: Watch, failure: str) -> None:
    watch.network_may_fail = True

    def fail(route: Route) -> None:
        if failure == "abort":
            route.abort()
        else:
            route.fulfill(status=507, json={"error": {"message": "The disk is full."}})

    begin(page)
    page.route("**/messages/", fail)
    message(page).fill("Hello, precious")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_be_visible()
    expect(message(page)).to_have_value("Hello, precious")
    page.reload()
    expect(message(page)).to_have_value("Hello, precious")
    page.unroute("**/messages/")
    message(page).focus()
    page.keyboard.press("Enter")
    expect(sent(page)).to_have_count(2)
    written(page)


def test_a_first_message_that_does_not_arrive_is_still_there(
    page: Page, server: CortexServer, watch: Watch
) -> None:
    watch.network_may_fail = True
    page.route("**/chat/", lambda route: route.abort())
    message(page).fill("Hello, precious")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Enter")
    page.unroute("**/chat/")
    page.goto(f"{server.url}/chat/import/")
    page.goto(server.url)
    expect(message(page)).to_have_value("Hello, precious")


def test_an_example_leaves_the_draft_alone(
    page: Page, server: CortexServer, site: tuple[CortexServer, RemoteModel]
) -> None:
    message(page).fill("my own words")
    page.locator(".example").first.click()
    written(page)
    page.goto(server.url)
    expect(message(page)).to_have_value("my own words")


def test_what_is_typed_while_the_question_is_on_its_way_stays(page: Page) -> None:
    begin(page)
    held: list[Route] = []
    page.route("**/messages/", lambda route: held.append(route))
    message(page).fill("Hello again")
    page.keyboard.press("Enter")
    page.keyboard.type(" and more")
    page.wait_for_timeout(100)
    held[0].continue_()
    expect(sent(page)).to_have_count(2)
    expect(sent(page).last).to_have_text("Hello again")
    expect(message(page)).to_have_value("and more")
    written(page)


def test_an_edit_is_kept_until_it_is_sent_or_given_up(page: Page) -> None:
    begin(page)
    box = page.get_by_label("Your message")

    def edit() -> None:
        page.get_by_role("button", name="Edit").focus()
        page.keyboard.press("Enter")
        expect(box).to_be_focused()

    edit()
    box.fill("Hello, but better")
    page.reload()
    expect(sent(page)).to_have_text("Hello")
    edit()
    expect(box).to_have_value("Hello, but better")
    page.keyboard.press("Escape")
    expect(sent(page)).to_have_text("Hello")
    edit()
    expect(box).to_have_value("Hello")


def test_a_goal_is_kept_until_it_is_sent(page: Page, server: CortexServer) -> None:
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill("count the stars")
    page.reload()
    expect(page.get_by_label("Goal")).to_have_value("count the stars")
