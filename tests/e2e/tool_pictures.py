"""Takes the pictures of tools in docs/screenshots: `python -m tests.e2e.tool_pictures`.

The model is scripted (a server on loopback); everything else is the product.
"""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import permit, send, written
from tests.e2e.screenshots import DESKTOP, PHONE, chromium, shoot
from tests.remote_model import Call, RemoteModel, scripted_site
from tests.server import CortexServer

GREETING = "Good morning! I have a few numbers to check."
WELCOME = "Good morning. Send them over; I compute exactly rather than guess."
QUESTION = "What is 2**10?"
CALL = Call("calculator", '{"expression": "2**10"}')
ANSWER = "$2^{10} = 1024$, the number of bytes in a kibibyte."


def ask(page: Page, server: CortexServer, remote: RemoteModel) -> None:
    """A chat in which the model wants to call the calculator and waits for a word."""
    remote.delay = 0.03
    remote.scripts["Good morning"] = [WELCOME, CALL, ANSWER]
    page.goto(server.url)
    send(page, GREETING)
    written(page)
    permit(page, calculator="Ask")
    send(page, QUESTION)
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    page.wait_for_timeout(300)


def take(browser: Browser, server: CortexServer, remote: RemoteModel) -> None:
    for device, options in (("desktop", DESKTOP), ("phone", PHONE)):
        context = browser.new_context(color_scheme="light", **options)
        page = context.new_page()
        ask(page, server, remote)
        shoot(page, f"tool-ask-{device}")
        if device == "desktop":
            page.get_by_role("button", name="Allow").click()
            written(page)
            page.locator(".call summary").click()
            page.locator("#scroll").evaluate("e => e.scrollTop = e.scrollHeight")
            page.evaluate("document.activeElement.blur()")
            page.wait_for_timeout(300)
            shoot(page, "tool-done-desktop")
        context.close()


def main() -> None:
    with scripted_site() as (server, remote), chromium() as browser:
        take(browser, server, remote)


if __name__ == "__main__":
    main()
