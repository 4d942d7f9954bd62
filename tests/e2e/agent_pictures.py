"""Takes the pictures of agents in docs/screenshots: `python -m tests.e2e.agent_pictures`.

The model is scripted (a server on loopback); everything else is the product.
"""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.e2e.screenshots import DESKTOP, PHONE, chromium, shoot
from tests.remote_model import RemoteModel, scripted_site, step
from tests.server import CortexServer

GOAL = "How many days lie between 1 March 2024 and 31 October 2026, and is that number prime?"
DAYS = """\
from datetime import date
days = (date(2026, 10, 31) - date(2024, 3, 1)).days
print(days)"""
FACTORS = """\
n = 974
print([d for d in range(2, n) if n % d == 0])"""
STEPS = [
    step(
        "python_repl",
        "Two dates are given. Python's datetime counts the days between them exactly.",
        code=DAYS,
    ),
    step(
        "python_repl",
        "There are 974 days. An even number above two is never prime; I list its divisors "
        "to be sure.",
        code=FACTORS,
    ),
    step("calculator", "974 should be 2 times 487: a last check.", expression="2 * 487"),
    step(
        "finish",
        "All agree, so the answer stands.",
        answer="974 days lie between them. 974 is not prime: it is 2 × 487.",
    ),
]


def start(page: Page, server: CortexServer) -> None:
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill(GOAL)
    page.get_by_role("button", name="Start").click()


def live(page: Page, server: CortexServer, name: str) -> None:
    start(page, server)
    expect(page.locator(".step")).to_have_count(3, timeout=60_000)
    expect(page.locator(".step").last).to_contain_text("should be 2", timeout=60_000)
    page.evaluate("document.activeElement.blur()")
    shoot(page, name)
    expect(page.locator(".answer")).to_be_visible(timeout=60_000)


def take(browser: Browser, remote: RemoteModel, server: CortexServer) -> None:
    remote.scripts["days"] = STEPS
    remote.delay, remote.prefill = 0.08, 0.25
    for device, options, scheme in (("desktop", DESKTOP, "light"), ("phone", PHONE, "light")):
        context = browser.new_context(color_scheme=scheme, **options)  # type: ignore[arg-type]
        page = context.new_page()
        live(page, server, f"agent-live-{device}")
        page.evaluate("document.getElementById('content').scrollTop = 0")
        shoot(page, f"agent-done-{device}")
        address = page.url
        page.goto(f"{server.url}/agents/")
        shoot(page, f"agents-{device}")
        context.close()
    dark = browser.new_context(color_scheme="dark", **DESKTOP)
    page = dark.new_page()
    page.goto(address)
    page.locator(".waterfall").scroll_into_view_if_needed()
    shoot(page, "agent-done-dark")
    page.get_by_role("link", name="Fork from step 2").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    shoot(page, "agent-fork-desktop")
    dark.close()


def main() -> None:
    with scripted_site() as (server, remote), chromium() as browser:
        take(browser, remote, server)


if __name__ == "__main__":
    main()
