"""The catalogue follows the disk: a plain read neither scans nor writes, and misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from huggingface_hub import constants

from inference import services
from inference.library import hub
from inference.library.places.found import Found
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage
from tests.inference.library.weights import safetensors
from tests.scripted import ScriptedEngine

READS = ["/api/models", "/v1/models", "/models/", "/agents/"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> Path:
    """An empty hub cache, and an empty MODEL_CACHE_DIR."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    settings.MODEL_CACHE_DIR = tmp_path / "models"  # type: ignore[attr-defined]
    (tmp_path / "models").mkdir()
    return tmp_path


def model_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(safetensors(b"12345"))
    (folder / "tokenizer.json").write_text("{}")


def hub_model_write(cache: Path, name: str, revision: str = "a" * 40) -> Path:
    """A model as a download leaves it in the hub's cache."""
    repository = cache / "hub" / f"models--{name.replace('/', '--')}"
    model_write(repository / "snapshots" / revision)
    (repository / "blobs").mkdir(exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(revision)
    return repository


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each scan of the hub's cache."""
    seen: list[int] = []
    scan = hub.cached

    def counted() -> Iterator[Found]:
        seen.append(1)
        return scan()

    monkeypatch.setattr(hub, "cached", counted)
    return seen


@pytest.mark.parametrize("address", READS)
def test_a_read_writes_nothing_and_scans_nothing(
    owner_client: Client, scripted: ScriptedEngine, cache: Path, scans: list[int], address: str
) -> None:
    hub_model_write(cache, "someone/tiny")
    services.startup()
    owner_client.get(address)
    scans.clear()
    with CaptureQueriesContext(connection) as queries:
        assert owner_client.get(address).status_code == 200
    assert not scans
    written = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
    assert not written
    assert queries.captured_queries, "the reads were seen"


@pytest.mark.parametrize("address", READS)
def test_a_model_that_is_dropped_in_appears_at_the_next_read(
    owner_client: Client, scripted: ScriptedEngine, cache: Path, scans: list[int], address: str
) -> None:
    owner_client.get(address)
    (cache / "models" / "mine").mkdir()
    owner_client.get(address)  # the folder is seen before its files are there
    model_write(cache / "models" / "mine")
    hub_model_write(cache, "someone/tiny")
    scans.clear()
    text = owner_client.get(address).content.decode()
    assert "mine" in text
    assert "someone/tiny" in text
    owner_client.get(address)
    assert len(scans) == 1


def test_refresh_looks_anew(
    owner_client: Client, scripted: ScriptedEngine, cache: Path, scans: list[int]
) -> None:
    assert 'action="/models/refresh"' in owner_client.get("/models/").content.decode()
    LanguageModel.objects.filter(name__startswith="mlx-community/").delete()
    scans.clear()
    assert owner_client.post("/models/refresh").status_code == 302
    assert LanguageModel.objects.filter(name__startswith="mlx-community/").exists()
    assert len(scans) == 1
    swapped = owner_client.post("/models/refresh", HTTP_HX_REQUEST="true")
    assert swapped.content.decode().lstrip().startswith('<div id="models"')
    assert owner_client.get("/models/refresh").status_code == 405


def test_whether_a_model_is_whole_is_asked_again_when_its_folders_change(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look = hub.cached_at
    monkeypatch.setattr(hub, "cached_at", lambda name: asked.append(name) or look(name))
    assert not hub.is_whole("someone/tiny")
    repository = hub_model_write(cache, "someone/tiny")
    assert hub.is_whole("someone/tiny")
    assert hub.is_whole("someone/tiny")
    assert len(asked) == 2
    (repository / "snapshots" / ("a" * 40) / "model.safetensors").unlink()
    assert not hub.is_whole("someone/tiny")
    hub_model_write(cache, "someone/tiny", "b" * 40)
    assert hub.is_whole("someone/tiny")
    hub.delete("someone/tiny")
    assert not hub.is_whole("someone/tiny")


@pytest.mark.parametrize("model", ["", "scripted-model"])
def test_an_answer_finds_its_model_once(scripted: ScriptedEngine, model: str) -> None:
    scripted.fallback = scripted.reply("Hello.")
    request = GenerationRequest(messages=(PromptMessage("user", "Hello"),), model=model)
    services.complete(request)  # the first use is noted in the row
    with CaptureQueriesContext(connection) as queries:
        services.complete(request)
    assert len(queries) == 1, [query["sql"] for query in queries]


@pytest.mark.parametrize("address", ["/api/chat/completions", "/v1/chat/completions"])
def test_a_request_resolves_its_model_once(
    owner_client: Client,
    scripted: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    resolved: list[str] = []
    resolve = services.model_resolve
    monkeypatch.setattr(
        services, "model_resolve", lambda name: resolved.append(name) or resolve(name)
    )
    scripted.reply("Hello.")
    body = {"model": "scripted-model", "messages": [{"role": "user", "content": "Hi"}]}
    answer = owner_client.post(address, body, content_type="application/json")
    assert answer.status_code == 200
    assert resolved == ["scripted-model"]
