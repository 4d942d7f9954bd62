"""Searching the hub by words, against a stand-in on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from huggingface_hub import constants

from inference import services
from inference.errors import HubUnreachable
from inference.library import search
from tests.inference.library.hub_server import Hub, hub_served
from tests.scripted import ScriptedEngine

TINY = "someone/Tiny-GGUF"
MODELS = {
    TINY: {
        "tags": ["gguf", "license:apache-2.0", "en"],
        "downloads": 1234,
        "gguf": {"total": 1_000_000_000},
    },
    "someone/Tiny-large-GGUF": {
        "tags": ["gguf"],
        "downloads": 10,
        "gated": "auto",
        "gguf": {"total": 10**12},
    },
    "mlx-community/Tiny-4bit": {
        "tags": ["mlx", "license:mit"],
        "safetensors": {"parameters": {"U32": 100_000_000, "BF16": 10_000_000}},
    },
    "someone/Tiny-odd-GGUF": {"tags": ["gguf", 7], "downloads": "many", "gguf": [1]},
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_served() as served:
        served.listed = {name: dict(facts) for name, facts in MODELS.items()}
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        yield served


@pytest.mark.parametrize("is_apple", [False, True])
def test_words_find_models_for_this_machine(
    hub: Hub, db: None, monkeypatch: pytest.MonkeyPatch, is_apple: bool
) -> None:
    monkeypatch.setattr(search, "is_apple_silicon", lambda: is_apple)
    found = {match.id: match for match in services.hub_search(words="tiny")}
    assert ("mlx-community/Tiny-4bit" in found) == is_apple
    tiny = found[TINY]
    assert (tiny.format, tiny.license, tiny.downloads) == ("gguf", "apache-2.0", 1234)
    assert (tiny.size, tiny.gated, tiny.here) == ("625 MB", False, False)
    assert found["someone/Tiny-large-GGUF"].gated
    odd = found["someone/Tiny-odd-GGUF"]
    assert (odd.size, odd.downloads, odd.license) == ("", 0, "")
    if is_apple:
        assert found["mlx-community/Tiny-4bit"].size_bytes == 420_000_000
    assert services.hub_search(words="no such thing") == []


def test_what_does_not_fit_is_said(
    hub: Hub, owner_client: Client, scripted: ScriptedEngine, settings: object
) -> None:
    settings.MODEL_MEMORY_LIMIT = 2**30  # type: ignore[attr-defined]
    answer = owner_client.get("/api/models/search?q=tiny").json()
    assert answer["query"] == "tiny"
    fits = {model["id"]: model["fits"] for model in answer["models"]}
    assert fits == {TINY: True, "someone/Tiny-large-GGUF": False, "someone/Tiny-odd-GGUF": None}
    html = owner_client.get("/models/search?q=tiny").content.decode()
    assert "licence apache-2.0" in html
    assert f'aria-label="Download {TINY}"' in html
    assert "Does not fit" in html
    part = owner_client.get("/models/search?q=tiny", HTTP_HX_REQUEST="true").content.decode()
    assert part.lstrip().startswith('<div id="found"')
    nothing = owner_client.get("/models/search?q=nonesuch").content.decode()
    assert "The hub has nothing for" in nothing


@pytest.mark.parametrize("kind", ["down", "gone", "no JSON"])
def test_a_hub_that_does_not_answer_is_said(
    hub: Hub,
    owner_client: Client,
    scripted: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    hub.down = kind == "down"
    if kind == "gone":
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    if kind == "no JSON":
        monkeypatch.setattr(constants, "ENDPOINT", f"{hub.url}/someone/x/resolve/main")
    with pytest.raises(HubUnreachable, match="cannot be searched"):
        services.hub_search(words="tiny")
    answer = owner_client.get("/api/models/search?q=tiny")
    assert (answer.status_code, answer.json()["error"]["code"]) == (424, "hub_unreachable")
    assert "cannot be searched" in owner_client.get("/models/search?q=tiny").content.decode()


@pytest.mark.parametrize("query", ["", "?q=", "?q=" + "x" * 201])
def test_without_words_nothing_is_asked(
    hub: Hub, owner_client: Client, scripted: ScriptedEngine, query: str
) -> None:
    assert owner_client.get(f"/api/models/search{query}").status_code == 400
    assert not hub.requests
