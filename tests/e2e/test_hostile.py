"""Nothing that a model, an import or a person writes is ever run by the browser."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.chat.rendering.corpus import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.live]


def exported() -> bytes:
    """A conversation in which every text is hostile, in every place that is shown."""
    messages: list[dict[str, object]] = []
    for number, text in enumerate(HOSTILE):
        parent = messages[-1]["id"] if messages else None
        parts = [
            {"kind": "thinking", "text": text},
            {"kind": "tool", "id": text[:40], "name": text, "arguments": text, "state": text,
             "success": True, "result": text, "seconds": 1},
            {"kind": "tool", "id": "f", "name": text, "arguments": json.dumps({"x": text}),
             "success": False, "error": text},
            {"kind": "text", "text": text},
        ]  # fmt: skip
        messages += [
            {"id": f"q{number}", "parent": parent, "role": "user", "content": text},
            {"id": f"a{number}", "parent": f"q{number}", "role": "assistant", "content": text,
             "parts": parts, "model": text[:200]},
        ]  # fmt: skip
    data = {
        "format": "cortex-conversation",
        "version": 1,
        "conversation": {"title": HOSTILE[0] + HOSTILE[1], "system_prompt": HOSTILE[0]},
        "messages": messages,
    }
    return json.dumps(data).encode()


def test_nothing_runs(chat: Page) -> None:
    asked: list[str] = []
    host = chat.url.split("/")[2]
    chat.on("request", lambda request: asked.append(request.url))
    chat.get_by_role("link", name="Import a chat").click()
    file = {"name": "chat.json", "mimeType": "application/json", "buffer": exported()}
    chat.get_by_label("JSON file").set_input_files([file])  # type: ignore[list-item]
    chat.get_by_role("button", name="Import", exact=True).click()
    expect(chat.locator(".message").first).to_be_attached()
    for _ in range(4):
        chat.evaluate("document.getElementById('scroll').scrollTop = 0")
        chat.wait_for_timeout(400)
    expect(chat.locator(".message")).to_have_count(2 * len(HOSTILE))
    for summary in chat.locator("summary").all():
        summary.evaluate("node => node.parentElement.open = true")
    for link in chat.locator(".prose a").all():
        address = link.get_attribute("href")
        assert address is None or address.startswith(("http://", "https://", "mailto:"))
    chat.get_by_role("link", name="Settings of this chat").click()
    expect(chat.locator("#dialog")).to_be_visible()
    chat.wait_for_timeout(500)
    assert chat.evaluate("window.tripped") is None
    assert [url for url in asked if url.split("/")[2] != host] == []
