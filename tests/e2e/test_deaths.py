"""The server or the model's process dies while an answer is written: nothing written is lost."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import ANSWER, GREEDY, Watch, first_words, new_chat, send, shorten, written
from tests.prompts import LONG
from tests.server import CortexServer, ServerFactory

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.model]


@pytest.fixture
def page(watch: Watch, context: BrowserContext, server_factory: ServerFactory) -> Page:
    watch.network_may_fail = True
    return new_chat(context, server_factory.start(env=GREEDY))


@pytest.fixture
def server(page: Page, server_factory: ServerFactory) -> CortexServer:
    return server_factory.servers[0]


def words(page: Page) -> str:
    return page.locator(".message--assistant .prose").last.inner_text().strip()


def worker_pid(server: CortexServer) -> int:
    """The model's process: the child of the server that runs inference.worker."""
    children = psutil.Process(server.pid).children()
    return next(child.pid for child in children if "inference.worker" in child.cmdline())


def continues(page: Page, kept: str) -> None:
    """ "Continue" goes on from the text that stands."""
    shorten(page, 8)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("[data-live]")).to_have_count(1)
    written(page)
    assert words(page).startswith(kept)
    assert len(words(page)) > len(kept)


def test_the_server_is_killed(page: Page, server: CortexServer) -> None:
    send(page, LONG)
    begun = first_words(page)
    server.kill()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    server.restart()
    expect(page.get_by_text("Interrupted: the server ended")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Connection lost")).to_be_hidden()
    kept = words(page)
    assert kept.startswith(begun[:10])
    page.reload()
    assert words(page) == kept
    assert page.locator(".message").count() == 2
    continues(page, kept)


def test_the_model_is_killed(page: Page, server: CortexServer) -> None:
    send(page, LONG)
    begun = first_words(page)
    os.kill(worker_pid(server), signal.SIGKILL)
    expect(page.get_by_role("alert")).to_be_visible(timeout=30_000)
    kept = words(page)
    assert kept.startswith(begun[:10])
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()
    continues(page, kept)


def test_a_message_that_cannot_be_sent_stays_in_the_box(page: Page, server: CortexServer) -> None:
    send(page, "What is the capital of France?")
    expect(page.locator(".message--assistant")).to_contain_text("Paris", timeout=ANSWER)
    written(page)
    server.kill()
    box = page.get_by_label("Message", exact=True)
    box.fill("And of Italy?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("cannot be reached")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)
    expect(page.get_by_text("cannot be reached")).to_have_count(1)  # said again, shown once
    expect(box).to_have_value("And of Italy?")
    server.restart()
    page.keyboard.press("Enter")
    expect(page.locator(".message--user").last).to_contain_text("Italy")
    written(page)
