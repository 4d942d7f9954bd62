"""Takes the pictures in docs/screenshots from a running product: `python -m tests.e2e.screenshots`.

`chat-*.png` show what the embedded model itself answered; `markdown.png` shows a conversation that
came in through the product's own import, as do the titles in the sidebar.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.server import ROOT, ServerFactory

FOLDER = ROOT / "docs" / "screenshots"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1.5}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
OTHERS = {
    "A weekend in Lisbon": "Plan a weekend in Lisbon for two people who love tiles.",
    "Invitation to a garden dinner": "Write an invitation to a dinner in our garden.",
    "How tides work": "Why are there two tides a day and not one?",
    "Sourdough that rises": "My sourdough stays flat. What can I try?",
    "Reading list on rivers": "Which books about rivers are worth reading?",
}
ANSWER = """\
The **sieve of Eratosthenes** finds all of them without a single division: it walks upwards and \
strikes out every multiple of each prime it meets.

```python
def primes_below(n: int) -> list[int]:
    is_prime = [False, False] + [True] * (n - 2)
    for i in range(2, int(n**0.5) + 1):
        if is_prime[i]:  # smaller multiples are struck already
            is_prime[i * i :: i] = [False] * len(range(i * i, n, i))
    return [i for i in range(n) if is_prime[i]]
```

Each number is struck by its small factors only, so the work adds up to

$$\\sum_{p \\le \\sqrt{n}} \\frac{n}{p} = O(n \\log \\log n)$$

| Below | Primes | Largest |
|---:|---:|---:|
| 100 | 25 | 97 |
| 10,000 | 1,229 | 9,973 |
| 1,000,000 | 78,498 | 999,983 |
"""


def conversation(title: str, question: str, answer: str) -> bytes:
    """As the product exports it."""
    messages = [
        {"id": "q", "parent": None, "role": "user", "content": question},
        {"id": "a", "parent": "q", "role": "assistant", "content": answer},
    ]
    data = {"format": "cortex-conversation", "version": 1, "messages": messages}
    return json.dumps(data | {"conversation": {"title": title}}).encode()


def bring_in(page: Page, title: str, question: str, answer: str) -> None:
    buffer = conversation(title, question, answer)
    page.get_by_role("link", name="Import a chat").click()
    file = {"name": "chat.json", "mimeType": "application/json", "buffer": buffer}
    page.get_by_label("JSON file").set_input_files([file])  # type: ignore[list-item]
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator(".message--user")).to_contain_text(question)


def first_answer(page: Page) -> None:
    page.get_by_label("Message", exact=True).fill("What is the capital of France?")
    page.keyboard.press("Enter")
    expect(page.locator(".message--assistant")).to_contain_text("Paris", timeout=240_000)
    expect(page.locator("[data-live]")).to_have_count(0, timeout=240_000)
    expect(page.locator(".conversation[hx-trigger]")).to_have_count(0, timeout=240_000)


def shoot(page: Page, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


def show(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.evaluate("document.getElementById('scroll').scrollTop = 0")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(300)
    return page


def all_themes(browser: Browser, address: str) -> None:
    for device, options in (("desktop", DESKTOP), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, **options)  # type: ignore[arg-type]
            shoot(show(context, address), f"chat-{device}-{scheme}")
            context.close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, without a test around it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        factory = ServerFactory(Path(folder))
        server = factory.start(env={"DEFAULT_TEMPERATURE": "0"})
        try:
            page = browser.new_context(**DESKTOP).new_page()
            page.goto(server.url)
            for title, question in OTHERS.items():
                bring_in(page, title, question, "…")
            question = "How do I find all prime numbers below n, quickly?"
            bring_in(page, "Primes below a number", question, ANSWER)
            shoot(show(page.context, page.url), "markdown")
            page.goto(server.url)
            first_answer(page)
            all_themes(browser, page.url)
        finally:
            factory.close()


if __name__ == "__main__":
    main()
