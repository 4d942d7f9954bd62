"""Models of the hub: fetched, found again, broken off, cancelled; a stand-in on loopback."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from common.errors import DiskFull, InvalidRequest
from inference import services
from inference.errors import HubUnreachable, ModelBusy, ModelLoadFailed, ModelNotFound
from inference.library import embedded, hub
from inference.library.facts import FACTS
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage
from tests.inference.conftest import no_progress
from tests.inference.library.hub_server import Hub, hub_served
from tests.inference.library.weights import safetensors
from tests.waiting import eventually

NAME = "someone/tiny-model"
WEIGHTS = safetensors(os.urandom(2_000_000))
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "README.md": b"# Not needed",
    "pytorch_model.bin": b"a pickle",
    "original/consolidated.safetensors": b"the same again",
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_served() as served:
        served.repos[NAME] = dict(FILES)
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        yield served


def test_only_what_is_needed_is_fetched_and_kept(server: Hub) -> None:
    seen: list[tuple[str, float]] = []
    folder = hub.fetch(NAME, lambda *step: seen.append(step))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    names = {file.name for file in folder.rglob("*") if not file.is_dir()}
    assert names == {"config.json", "tokenizer.json", "model.safetensors"}
    assert seen[0] == ("download", 0.0)
    assert all(0 <= fraction <= 1 for _, fraction in seen)
    asked = len(server.requests)
    assert hub.fetch(NAME, no_progress) == folder
    assert len(server.requests) == asked, "the cache comes first, and asks nobody"
    assert [model.name for model in hub.cached()] == [NAME]


def test_a_broken_connection_goes_on_where_it_was(server: Hub) -> None:
    large = safetensors(bytes(24 * 2**20))  # it is read, and goes on, in pieces of some megabytes
    server.repos[NAME]["model.safetensors"] = large
    server.break_once.add("model.safetensors")
    folder = hub.fetch(NAME, no_progress)
    assert (folder / "model.safetensors").read_bytes() == large
    assert server.bodies("model.safetensors")[1].startswith("bytes=")


def test_a_download_that_keeps_breaking_fails_and_is_not_taken_for_whole(server: Hub) -> None:
    server.break_always.add("model.safetensors")
    server.repos[NAME]["model.safetensors"] = b"x"  # half of it is nothing: no progress at all
    with pytest.raises(ModelLoadFailed):
        hub.fetch(NAME, no_progress)
    assert hub.cached_at(NAME) is None
    server.break_always.clear()
    assert hub.fetch(NAME, no_progress).is_dir()
    assert len(server.bodies("config.json")) == 1, "what was complete is not fetched again"


def test_an_unknown_model_is_not_found(server: Hub) -> None:
    with pytest.raises(ModelNotFound, match="someone/else"):
        hub.fetch("someone/else", no_progress)
    with pytest.raises(ModelNotFound):
        hub.found("someone/else")


def test_a_model_that_cannot_be_loaded_does_not_count_as_downloaded(server: Hub) -> None:
    server.repos[NAME]["model.safetensors"] = WEIGHTS[:-1]
    hub.fetch(NAME, no_progress)
    assert hub.cached_at(NAME) is None


def test_pickles_alone_are_refused(server: Hub) -> None:
    server.repos["someone/old"] = {"config.json": b"{}", "pytorch_model.bin": b"a pickle"}
    with pytest.raises(ModelLoadFailed, match="safetensors"):
        hub.fetch("someone/old", no_progress)
    assert not server.bodies("pytorch_model.bin")


def test_a_disk_that_is_too_small_is_noticed_before(server: Hub) -> None:
    server.lie["model.safetensors"] = 10**16
    with pytest.raises(DiskFull, match="on the disk") as caught:
        hub.fetch(NAME, no_progress)
    assert caught.value.details["needed_bytes"] >= 10**16
    assert caught.value.details["free_bytes"] < 10**16
    assert not server.bodies("model.safetensors")


@pytest.mark.parametrize("kind", ["down", "gone"])
def test_an_unreachable_hub_is_named_as_such(
    server: Hub, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.down = kind == "down"
    if kind == "gone":
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable):
        hub.fetch(NAME, no_progress)
    with pytest.raises(HubUnreachable):
        hub.found(NAME)


def test_a_half_downloaded_folder_is_completed(server: Hub) -> None:
    folder = hub.fetch(NAME, no_progress)
    (folder / "model.safetensors").resolve().unlink()
    assert hub.cached_at(NAME) is None
    assert (hub.fetch(NAME, no_progress) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_download_can_be_cancelled(server: Hub, registry: None, cache: Path) -> None:
    server.hold = threading.Event()
    services.model_load_start(name=NAME)
    row = LanguageModel.objects.get(name=NAME)
    eventually(lambda: server.bodies("model.safetensors"), seconds=60)
    eventually(lambda: LanguageModel.objects.get(name=NAME).state == "downloading")
    began = time.monotonic()
    services.model_unload(name=NAME)
    assert time.monotonic() - began < 20
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("unloaded", "")
    assert hub.cached_at(NAME) is None


def test_a_cancelled_download_goes_on_where_it_was(server: Hub, registry: None) -> None:
    large = safetensors(os.urandom(24 * 2**20))
    server.repos[NAME]["model.safetensors"] = large
    server.chunk, server.hold = 12 * 2**20, threading.Event()
    services.model_load_start(name=NAME)
    eventually(lambda: LanguageModel.objects.get(name=NAME).progress > 0.3, seconds=60)
    services.model_unload(name=NAME)
    server.hold = None
    folder = hub.fetch(NAME, no_progress)
    assert (folder / "model.safetensors").read_bytes() == large
    first, second = server.bodies("model.safetensors")
    assert (first, second) == ("", f"bytes={12 * 2**20}-")


def test_a_damaged_part_is_thrown_away(server: Hub, cache: Path) -> None:
    etag = hashlib.sha256(WEIGHTS).hexdigest()
    partial = cache / "models--someone--tiny-model" / "blobs" / f"{etag}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"not what it should be")
    with pytest.raises(ModelLoadFailed, match="damaged"):
        hub.fetch(NAME, no_progress)
    assert (hub.fetch(NAME, no_progress) / "model.safetensors").read_bytes() == WEIGHTS


def test_whoever_waits_for_a_cancelled_download_is_told(server: Hub, registry: None) -> None:
    server.hold = threading.Event()
    services.model_load_start(name=NAME)
    eventually(lambda: server.bodies("model.safetensors"), seconds=60)
    timer = threading.Timer(0.3, lambda: services.model_unload(name=NAME))
    timer.start()
    with pytest.raises(ModelBusy):
        services.model_load(name=NAME)
    timer.join()


def test_deleting_removes_the_files_but_not_a_recommended_model(
    server: Hub, registry: None
) -> None:
    recommended = next(iter(FACTS))
    for name in (NAME, recommended):
        server.repos[name] = dict(FILES)
        hub.fetch(name, no_progress)
        services.model_list()
        services.model_delete(name=name)
        assert hub.cached_at(name) is None
    names = {row.name for row in services.model_list()}
    assert recommended in names
    assert NAME not in names
    with pytest.raises(InvalidRequest):
        services.model_delete(name=embedded.MODEL)


@pytest.mark.model
def test_the_embedded_model_stands_in_for_a_default_that_cannot_be_fetched(
    cache: Path,
    registry: None,
    embedded_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    services.model_set_default(name=services.model_register(name=NAME).name)
    request = GenerationRequest(messages=(PromptMessage("user", "Hello"),), max_tokens=3)
    with caplog.at_level(logging.WARNING, logger="inference.services"):
        answers = [services.complete(request) for _ in range(2)]
    assert [answer.model for answer in answers] == [embedded.MODEL] * 2
    assert sum("answers instead" in record.message for record in caplog.records) == 1
    assert "hub cannot be reached" in LanguageModel.objects.get(name=NAME).last_error
    with pytest.raises(HubUnreachable):
        services.generate(GenerationRequest(messages=request.messages, model=NAME))
