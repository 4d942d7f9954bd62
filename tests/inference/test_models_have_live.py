"""The page of models in a browser: what people have, what a search finds, pause and resume."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inference.library import embedded
from tests.inference.library.gguf_files import ollama_write
from tests.inference.library.hub_server import hub_served
from tests.server import ServerFactory

pytestmark = [pytest.mark.model, pytest.mark.live, pytest.mark.browser]

REPO = "someone/Small-GGUF"
NAME = f"{REPO}:Q4_1"
OLLAMA = "smollm2:135m"
WAIT = 120_000  # ms


def test_search_pause_resume_and_what_is_here_by_keyboard(
    page: Page, server_factory: ServerFactory, tmp_path: Path
) -> None:
    source = embedded.gguf_file()
    assert source
    ollama_write(tmp_path / "ollama", f"library/{OLLAMA}", source)
    broken = tmp_path / "lmstudio" / "models" / "someone" / "Broken-GGUF" / "Broken-Q4_0.gguf"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(source.read_bytes()[:5_000_000])
    with hub_served() as hub:
        hub.repos[REPO] = {"Small-Q4_1.gguf": source.read_bytes()}
        hub.listed[REPO] = {
            "tags": ["gguf", "license:apache-2.0"],
            "downloads": 4321,
            "gguf": {"total": 134_515_008},
        }
        hub.chunk, hub.hold = 40 * 2**20, threading.Event()
        server = server_factory.start(
            env={
                "HF_ENDPOINT": hub.url,
                "OLLAMA_MODELS": str(tmp_path / "ollama"),
                "LMSTUDIO_HOME": str(tmp_path / "lmstudio"),
            }
        )
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}/models/")
        disk = page.get_by_role("region", name="On this disk")
        expect(disk.get_by_text("Broken-Q4_0.gguf is cut short")).to_be_visible()
        expect(disk.get_by_role("button", name=f"Load {OLLAMA}")).to_be_enabled()

        engine = disk.get_by_role("group", name=f"Engine of {OLLAMA}")
        engine.get_by_role("button", name="MLX").focus()
        page.keyboard.press("Enter")
        expect(engine.get_by_role("button", name="MLX", pressed=True)).to_be_focused()
        expect(page.locator(".htmx-settling")).to_have_count(0)
        engine.get_by_role("button", name="Automatic").click()
        expect(engine.get_by_role("button", name="Automatic", pressed=True)).to_be_visible()
        expect(disk.get_by_role("group", name="Engine of someone/Broken")).to_have_count(0)

        page.get_by_label("Search by words").fill("small")
        page.keyboard.press("Enter")
        expect(page.get_by_text("licence apache-2.0")).to_be_visible(timeout=WAIT)
        page.get_by_role("button", name=f"Download {REPO}").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Downloading 4")).to_be_visible(timeout=WAIT)  # forty-odd percent
        page.get_by_role("button", name=f"Pause {NAME}").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Resume {NAME}")).to_be_focused(timeout=WAIT)
        expect(page.get_by_text("of 98 MB here")).to_be_visible()

        hub.hold.set()
        hub.hold = None
        expect(page.locator(".htmx-settling")).to_have_count(0)
        page.keyboard.press("Enter")
        ready = page.get_by_role("region", name="Ready")
        expect(ready.get_by_role("button", name=f"Unload {NAME}")).to_be_visible(timeout=WAIT)
        assert hub.bodies("Small-Q4_1.gguf")[-1].startswith("bytes="), "it went on, not anew"

        page.get_by_label("Model id").fill("someone/nothing")
        page.keyboard.press("Enter")
        problem = page.locator("#add-problem")
        expect(problem).to_contain_text("The hub has no model 'someone/nothing'.", timeout=WAIT)
        page.wait_for_timeout(5_000)  # the list has been polled since
        expect(problem).to_contain_text("someone/nothing")
        problem.get_by_role("link", name="Dismiss").click()
        expect(page.locator("#add-problem")).to_have_count(0)

        page.set_viewport_size({"width": 360, "height": 740})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, "nothing is wider than a phone"
        assert not problems
