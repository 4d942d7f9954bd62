"""The page of models in a browser: fetch a model by keyboard, cancel, go on, load, delete."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.inference.library.hub_server import hub_served
from tests.server import ServerFactory

pytestmark = [pytest.mark.model, pytest.mark.live, pytest.mark.browser]

NAME = "someone/small-model"
WAIT = 120_000  # ms


def test_a_model_comes_and_goes_by_keyboard(
    page: Page, server_factory: ServerFactory, embedded_folder: Path
) -> None:
    with hub_served() as hub:
        files = [file for file in embedded_folder.iterdir() if file.is_file()]
        hub.repos[NAME] = {file.name: file.read_bytes() for file in files}
        hub.chunk, hub.hold = 40 * 2**20, threading.Event()
        server = server_factory.start(env={"HF_ENDPOINT": hub.url})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}/models/")

        page.get_by_label("Model id").fill(NAME)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Downloading 4")).to_be_visible(timeout=WAIT)  # forty-odd percent
        page.get_by_role("button", name=f"Cancel {NAME}").focus()
        page.keyboard.press("Enter")
        again = page.get_by_role("button", name=f"Download {NAME}")
        expect(again).to_be_focused(timeout=WAIT)

        hub.hold.set()
        hub.hold = None
        # A key pressed within these milliseconds would send the form without htmx: a new page.
        expect(page.locator(".htmx-settling")).to_have_count(0)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Unload {NAME}")).to_be_focused(timeout=WAIT)
        assert hub.bodies("model.safetensors")[-1].startswith("bytes="), "it went on, not anew"

        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name=f"Delete {NAME}").click()
        expect(page.get_by_text(NAME)).to_have_count(0, timeout=WAIT)
        assert not problems
