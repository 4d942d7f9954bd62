"""A model calls tools in a chat; a person watches, edits, allows, refuses, and turns tools off.

The model is scripted: an OpenAI-compatible server on loopback. All else is the product.
"""

from __future__ import annotations

import json

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocketRoute, expect

from tests.e2e.conftest import Watch, new_chat, permit, send, written
from tests.remote_model import Call, RemoteModel
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live]

POWER = Call("calculator", '{"expression": "2**10"}')
QUESTION = "What is 2**10?"


@pytest.fixture(scope="module")
def remote(site: tuple[CortexServer, RemoteModel]) -> RemoteModel:
    _, made = site
    made.scripts["Hello"] = ["Hello."]
    return made


@pytest.fixture
def chat(watch: Watch, context: BrowserContext, server: CortexServer) -> Page:
    return new_chat(context, server)


def ask(page: Page, remote: RemoteModel, answer: str, **words: str) -> Locator:
    """Ask for 2**10 in a chat with these permissions; gives the card of the call."""
    send(page, "Hello")
    written(page)
    permit(page, **words)
    # The scripts go by the first question; turn 0 was "Hello."
    remote.scripts["Hello"] = ["Hello.", POWER, answer]
    send(page, QUESTION)
    return page.get_by_role("region", name="Tool call: calculator")


def details(card: Locator) -> Locator:
    """The arguments and the result, unfolded."""
    card.locator("summary").click()
    return card.locator(".call__details")


def offered(remote: RemoteModel) -> list[list[str]]:
    """The tools that each request offered, in the order in which the requests came."""
    return [
        [tool["function"]["name"] for tool in request.get("tools", [])]
        for request in list(remote.requests)
    ]


def of_answer(remote: RemoteModel) -> list[dict[str, str]]:
    """The messages of the latest request that carry a tool's result."""
    latest = [r for r in remote.requests if r["messages"][-1]["role"] == "tool"][-1]
    return [message for message in latest["messages"] if message["role"] == "tool"]


def test_a_call_is_edited_and_allowed_and_the_answer_stands(
    chat: Page, remote: RemoteModel
) -> None:
    card = ask(chat, remote, "It is 2048.", calculator="Ask")
    expect(card).to_contain_text("Waits for you")
    box = card.get_by_label("Arguments")
    expect(box).to_have_value('{\n  "expression": "2**10"\n}')
    box.fill('{"expression": "2**11"}')
    card.get_by_role("button", name="Allow").click()
    written(chat)
    expect(chat.locator(".message--assistant").last).to_contain_text("It is 2048.")
    expect(card).to_contain_text("Done")
    expect(details(card)).to_contain_text("2**11")
    expect(card.get_by_label("Result")).to_contain_text("2048")
    assert "2048" in of_answer(remote)[-1]["content"]
    chat.reload()
    expect(card.locator(".call__head")).to_contain_text("Done")
    expect(card.get_by_role("button", name="Allow")).to_have_count(0)
    expect(chat.locator(".message--assistant").last).to_contain_text("It is 2048.")


def test_a_refused_call_is_not_made_and_the_model_is_told(chat: Page, remote: RemoteModel) -> None:
    card = ask(chat, remote, "Then I reckon: 1024.", calculator="Ask")
    card.get_by_role("button", name="Deny").click()
    written(chat)
    expect(chat.locator(".message--assistant").last).to_contain_text("Then I reckon: 1024.")
    expect(details(card)).to_contain_text("did not allow")
    assert "did not allow" in of_answer(remote)[-1]["content"]


def test_a_call_that_is_always_allowed_runs_at_once(chat: Page, remote: RemoteModel) -> None:
    card = ask(chat, remote, "It is 1024.", calculator="On")
    written(chat)
    expect(card).to_contain_text("Done")
    assert "1024" in of_answer(remote)[-1]["content"]


def test_code_is_shown_in_its_lines_with_the_buttons_in_view(
    chat: Page, remote: RemoteModel
) -> None:
    code = "\n".join(f"print({n})" for n in range(30))
    send(chat, "Hello")
    written(chat)
    permit(chat, python_repl="Ask")
    remote.scripts["Hello"] = ["Hello.", Call("python_repl", json.dumps({"code": code})), "Done."]
    send(chat, "Count.")
    card = chat.get_by_role("region", name="Tool call: python_repl")
    expect(card.locator(".output")).to_have_text(code)
    expect(card.get_by_role("button", name="Allow")).to_be_in_viewport(ratio=1)
    chat.wait_for_timeout(300)
    expect(chat.locator("[data-latest]")).to_be_hidden()  # it would lie on the buttons
    card.get_by_role("button", name="Allow").click()
    written(chat)
    expect(details(card)).to_contain_text("29")
    assert of_answer(remote)[-1]["content"].count("\n") >= 29


def test_arguments_that_are_no_json_are_refused_and_stay(
    chat: Page, remote: RemoteModel, watch: Watch
) -> None:
    watch.network_may_fail = True  # the browser reports the status 400
    card = ask(chat, remote, "It is 1024.", calculator="Ask")
    card.get_by_label("Arguments").fill('{"expression": ')
    card.get_by_role("button", name="Allow").click()
    expect(chat.locator("#toasts")).to_contain_text("arguments: this is not JSON")
    expect(card.get_by_label("Arguments")).to_have_value('{"expression": ')
    card.get_by_label("Arguments").fill('{"expression": "4**5"}')
    card.get_by_role("button", name="Allow").click()
    written(chat)
    expect(details(card)).to_contain_text("4**5")


def test_a_call_waits_through_a_reload_and_in_two_pages(
    chat: Page, context: BrowserContext, remote: RemoteModel
) -> None:
    card = ask(chat, remote, "It is 1024.", calculator="Ask")
    expect(card).to_contain_text("Waits for you")
    other = context.new_page()
    other.goto(chat.url)
    chat.reload()
    expect(card.get_by_label("Arguments")).to_have_value('{\n  "expression": "2**10"\n}')
    other.get_by_role("button", name="Allow").click()
    written(chat)
    expect(card).to_contain_text("Done")


def test_what_was_edited_outlives_a_lost_connection(
    chat: Page, remote: RemoteModel, watch: Watch
) -> None:
    watch.network_may_fail = True
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    chat.route_web_socket("**/ws/runs/**", pass_on)
    card = ask(chat, remote, "It is 1024.", calculator="Ask")
    card.get_by_label("Arguments").fill('{"expression": "4**5"}')
    before = len(sockets)
    sockets[-1].close(code=1012)
    expect(chat.locator("#connection")).to_be_visible()
    expect(chat.locator("#connection")).to_be_hidden()
    assert len(sockets) > before
    expect(card.get_by_label("Arguments")).to_have_value('{"expression": "4**5"}')
    card.get_by_role("button", name="Allow").click()
    written(chat)
    expect(details(card)).to_contain_text("4**5")


# --- Keyboard ------------------------------------------------------------------------------------


def test_by_keyboard_alone(chat: Page, remote: RemoteModel) -> None:
    card = ask(chat, remote, "It is 32.", calculator="Ask")
    expect(card).to_be_focused()  # not a button: a key on its way decides nothing
    expect(chat.locator("#said")).to_have_text("Tool call: calculator waits for your decision.")
    chat.keyboard.press("Enter")
    chat.keyboard.press("Tab")
    expect(card.get_by_label("Arguments")).to_be_focused()
    chat.keyboard.press("Control+a")
    chat.keyboard.type('{"expression": "2**5"}')
    chat.keyboard.press("Tab")
    expect(card.get_by_role("button", name="Deny")).to_be_focused()
    chat.keyboard.press("Tab")
    expect(card.get_by_role("button", name="Allow")).to_be_focused()
    chat.keyboard.press("Enter")
    written(chat)
    expect(chat.get_by_label("Message", exact=True)).to_be_focused()
    expect(chat.locator("#said")).to_be_empty()
    assert "32" in of_answer(remote)[-1]["content"]


def test_who_writes_meanwhile_keeps_the_focus(chat: Page, remote: RemoteModel) -> None:
    remote.prefill = 1.5
    try:
        card = ask(chat, remote, "It is 1024.", calculator="Ask")
        chat.keyboard.type("and then")
        expect(card).to_contain_text("Waits for you")
    finally:
        remote.prefill = 0
    expect(chat.locator("#said")).to_contain_text("waits for your decision")
    box = chat.get_by_label("Message", exact=True)
    expect(box).to_be_focused()
    expect(box).to_have_value("and then")
    chat.keyboard.press("Shift+Tab")
    expect(card.get_by_role("button", name="Allow")).to_be_focused()
    chat.keyboard.press("Space")
    written(chat)
    expect(box).to_have_value("and then")


# --- Switches ------------------------------------------------------------------------------------


def switch(admin: Page, server: CortexServer, tool: str, on: bool) -> None:
    """Turn a tool on or off in the admin's list."""
    admin.goto(f"{server.url}/admin/tooling/tool/")
    row = admin.get_by_role("row", name=tool)
    row.locator('input[name$="-enabled"]').set_checked(on)
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".messagelist")).to_contain_text("changed successfully")


def api_state(server: CortexServer, tool: str) -> bool:
    tools = requests.get(f"{server.url}/api/tools", timeout=10).json()["tools"]
    return bool(next(one["enabled"] for one in tools if one["name"] == tool))


def test_a_switch_in_the_admin_holds_everywhere_at_once(
    chat: Page, browser: Browser, server: CortexServer, remote: RemoteModel
) -> None:
    admin, tools = (browser.new_context().new_page() for _ in range(2))
    tools.goto(f"{server.url}/tools/")
    tools.evaluate("window.neverReloaded = true")
    state = tools.get_by_role("switch", name="calculator")
    expect(state).to_have_attribute("aria-checked", "true")
    before = len(remote.requests)
    card = ask(chat, remote, "Without it: 1024.", calculator="Ask", python_repl="On")
    expect(card).to_contain_text("Waits for you")
    try:
        switch(admin, server, "calculator", False)
        assert not api_state(server, "calculator")
        expect(state).to_have_attribute("aria-checked", "false", timeout=5_000)
        card.get_by_role("button", name="Allow").click()
        written(chat)
        expect(details(card)).to_contain_text("The tool calculator is disabled.")
        expect(chat.locator(".message--assistant").last).to_contain_text("Without it: 1024.")
        assert "is disabled" in of_answer(remote)[-1]["content"]
        rounds = [names for names in offered(remote)[before:] if names]
        assert [sorted(names) for names in rounds] == [
            ["calculator", "python_repl"],
            ["python_repl"],
        ]
    finally:
        switch(admin, server, "calculator", True)
    assert api_state(server, "calculator")
    expect(state).to_have_attribute("aria-checked", "true", timeout=5_000)
    assert tools.evaluate("window.neverReloaded")
    for page in (admin, tools):
        page.context.close()
