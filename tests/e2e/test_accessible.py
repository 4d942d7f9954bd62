"""axe-core on every page, in both colour schemes, on a desktop and on a phone.

What it finds in pages that a library draws (Swagger UI, ReDoc, Django's admin) is listed by rule;
anything else, and anything on a page of ours, is a failure.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import send, written
from tests.remote_model import Call, RemoteModel, step
from tests.server import CortexServer

# Some thirty pages a test.
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.timeout(900)]

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
ANSWER = """\
## A heading

A **bold** word, `code`, a [link](https://example.org), and $x^2$.

1. one
2. two

| Left | Right |
|---|---:|
| a | 1 |

> quoted

```python
def f(x: int) -> int:
    return x + 1  # a comment
```
"""
# What shows that a reader of the API's description has drawn its page.
DRAWN = {"docs": ".opblock", "redoc": ".api-content"}
# Rules that a library breaks on the page that it draws. Of ReDoc's the content is left out, which
# takes axe half a minute: it breaks heading-order and scrollable-region-focusable.
LIBRARY = {"docs": {"color-contrast", "heading-order", "nested-interactive", "region"}}
ADMIN = {"link-in-text-block", "aria-prohibited-attr"}  # Django's breadcrumbs, and two tooltips
LEFT_OUT = {"redoc": [[".api-content"]]}


@pytest.fixture(scope="module")
def pages(site: tuple[CortexServer, RemoteModel], browser: Browser) -> dict[str, str]:
    """Every page by a name: those of an answered chat and of a finished run among them."""
    server, remote = site
    remote.scripts["sum"] = [
        step("calculator", "One and one first.", expression="1+1"),
        step("finish", "It stands.", answer="The sum is 2."),
    ]
    remote.scripts["figures"] = [Call("calculator", '{"expression": "6*7"}'), ANSWER]
    context = browser.new_context()
    page = context.new_page()
    chat = _answered(page, server)
    run, other = _finished(page, server), _finished(page, server)
    admin = _admin(page, server)
    context.close()
    return {
        "start": "/",
        "chat": chat,
        "settings": f"{chat}settings/",
        "export": f"{chat}share/",
        "import": "/chat/import/",
        "agents": "/agents/",
        "run": run,
        "compare": f"/agents/compare?left={run.split('/')[2]}&right={other.split('/')[2]}",
        "fork": f"{run}steps/1/fork",
        "prompt": f"{run}steps/1/prompt",
        "tools": "/tools/",
        "calculator": "/tools/tool/calculator/",
        "python": "/tools/tool/python_repl/",
        "models": "/models/",
        "missing": "/nowhere/",
        "docs": "/docs",
        "redoc": "/redoc",
        "admin": "/admin/",
        **{f"admin of {address}": address for address in admin},
    }


def _answered(page: Page, server: CortexServer) -> str:
    page.goto(server.url)
    send(page, "the figures")
    written(page)
    expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    return page.url.removeprefix(server.url)


def _finished(page: Page, server: CortexServer) -> str:
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill("sum")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page).to_have_url(re.compile(r"/agents/[0-9a-f-]{36}/$"))
    expect(page.locator("[data-live]")).to_have_count(0, timeout=60_000)
    return page.url.removeprefix(server.url)


def _admin(page: Page, server: CortexServer) -> list[str]:
    """Every list and every form that the admin's first page leads to."""
    page.goto(f"{server.url}/admin/")
    links = page.locator("#content-main a").evaluate_all("links => links.map(a => a.pathname)")
    return sorted(set(links))


def violations(page: Page, left_out: Sequence[Sequence[str]] = ()) -> dict[str, list[str]]:
    """What axe-core finds: rule -> where. It is evaluated by the browser's debugger, so that the
    page's policy stays as it is."""
    page.evaluate(AXE)
    found = page.evaluate(
        "exclude => axe.run({exclude}, {resultTypes: ['violations']})", [*left_out]
    )
    return {
        rule["id"]: [f"{node['html'][:150]} {node['failureSummary']}" for node in rule["nodes"]]
        for rule in found["violations"]
    }


# Colours depend on the theme and layout on the device: two pairs see both of each.
@pytest.mark.parametrize(
    ("scheme", "device"),
    [("light", DESKTOP), ("dark", PHONE)],
    ids=["light-desktop", "dark-phone"],
)
def test_no_page_of_ours_has_a_violation(
    site: tuple[CortexServer, RemoteModel],
    pages: dict[str, str],
    browser: Browser,
    device: dict[str, Any],
    scheme: Any,
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", **device)
    page = context.new_page()
    wrong = {}
    for name, address in pages.items():
        page.goto(f"{site[0].url}{address}")
        if name in DRAWN:
            expect(page.locator(DRAWN[name]).first).to_be_visible(timeout=60_000)
        found = violations(page, LEFT_OUT.get(name, ()))
        if name.startswith("admin"):
            found = {rule: where for rule, where in found.items() if rule not in ADMIN}
        if set(found) != LIBRARY.get(name, set()):
            wrong[name] = found
    context.close()
    assert wrong == {}


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["Settings of this chat", "Export"])
def test_an_open_dialog_has_none(
    site: tuple[CortexServer, RemoteModel],
    pages: dict[str, str],
    browser: Browser,
    device: dict[str, Any],
    name: str,
) -> None:
    context = browser.new_context(reduced_motion="reduce", **device)
    page = context.new_page()
    page.goto(f"{site[0].url}{pages['chat']}")
    page.get_by_role("link", name=name).click()
    expect(page.locator("#dialog")).to_be_visible()
    assert violations(page) == {}
    context.close()


def test_the_open_navigation_of_a_phone_has_none(
    site: tuple[CortexServer, RemoteModel], pages: dict[str, str], browser: Browser
) -> None:
    context = browser.new_context(reduced_motion="reduce", **PHONE)
    page = context.new_page()
    page.goto(f"{site[0].url}{pages['chat']}")
    page.get_by_role("button", name="Open navigation").click()
    expect(page.get_by_role("button", name="Close navigation").first).to_be_visible()
    assert violations(page) == {}
    context.close()


def test_the_judge_sees_a_violation(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang='en'><title>x</title><main><h1>x</h1><img src='x'></main></html>")
    assert set(violations(page)) == {"image-alt"}
    page.close()
