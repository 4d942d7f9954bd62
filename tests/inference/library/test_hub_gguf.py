"""GGUF repositories of the hub: one file is chosen, fetched, paused, found again and removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from huggingface_hub import constants

from common.errors import DiskFull
from inference import services
from inference.engines import ENGINES
from inference.errors import ModelLoadFailed, ModelNotFound, ModelTooLarge
from inference.library import hub, sources
from inference.library.quantizations import choose, files_by_tag, label_of
from inference.models import LanguageModel
from tests.inference.conftest import no_progress
from tests.inference.library.gguf_files import MODEL, gguf
from tests.inference.library.hub_server import Hub, hub_served
from tests.scripted import ScriptedEngine
from tests.waiting import eventually

REPO = "someone/Tiny-GGUF"
JSON = {"content_type": "application/json"}
LARGE = gguf(tensors={"token_embd.weight": ([1024, 8192], 0)})  # 32 MB


def part(number: int, count: int) -> bytes:
    own = {"split.no": number - 1, "split.count": count}
    return gguf({**MODEL, **own} if number == 1 else own, fill=number)


FILES = {
    "README.md": b"# Tiny",
    "Tiny-Q4_K_M.gguf": gguf(fill=4),
    "Tiny-Q8_0.gguf": gguf(fill=8),
    "Tiny-F16/Tiny-F16-00001-of-00002.gguf": part(1, 2),
    "Tiny-F16/Tiny-F16-00002-of-00002.gguf": part(2, 2),
    "mmproj-Tiny-F16.gguf": b"of images",
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with hub_served() as served:
        served.repos[REPO] = dict(FILES)
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        yield served


def row_of(name: str) -> LanguageModel:
    return LanguageModel.objects.get(name=name)


def fetched(server: Hub) -> set[str]:
    return {path.split("/")[-1] for method, path, _ in server.requests if method == "GET"}


def test_one_file_is_fetched(server: Hub) -> None:
    file = hub.fetch(f"{REPO}:Q8_0", no_progress)
    assert file.read_bytes() == FILES["Tiny-Q8_0.gguf"]
    assert not {"Tiny-Q4_K_M.gguf", "README.md"} & fetched(server)
    asked = len(server.requests)
    assert hub.fetch(f"{REPO}:Q8_0", no_progress) == file
    assert hub.is_whole(f"{REPO}:Q8_0")
    assert not hub.is_whole(f"{REPO}:Q4_K_M")
    assert len(server.requests) == asked, "the cache comes first, and asks nobody"
    assert [(model.name, model.quantization) for model in hub.cached()] == [
        (f"{REPO}:Q8_0", "Q4_K_M")  # as the file itself says
    ]


def test_all_parts_of_a_split_file_come(server: Hub) -> None:
    file = hub.fetch(f"{REPO}:f16", no_progress)
    assert file.name == "Tiny-F16-00001-of-00002.gguf"
    assert len(list(file.parent.iterdir())) == 2
    (file.parent / "Tiny-F16-00002-of-00002.gguf").unlink()
    assert hub.cached_at(f"{REPO}:F16") is None
    assert next(iter(hub.cached())).problem, "it is listed with the reason"
    assert hub.fetch(f"{REPO}:F16", no_progress) == file


def test_without_a_tag_the_best_file_is_taken_and_named(server: Hub, db: None) -> None:
    found = hub.found(REPO)
    assert (found.name, found.size_bytes) == (f"{REPO}:Q4_K_M", len(FILES["Tiny-Q4_K_M.gguf"]))
    del server.repos[REPO]["Tiny-Q4_K_M.gguf"]
    assert hub.found(REPO).name == f"{REPO}:Q8_0", "the nearest sensible one"
    row = services.model_serve(name=REPO)
    assert row.engine == "mlx", "nobody knows yet what it is"
    assert sources.fetch(row, no_progress).path.endswith("Tiny-Q8_0.gguf")
    assert (row.format, row.engine, row_of(row.name).engine) == ("gguf", "llamacpp", "llamacpp")


def test_an_unknown_file_names_those_that_there_are(server: Hub) -> None:
    with pytest.raises(ModelNotFound, match=r"no file 'Q2_K'; it has Q4_K_M, Q8_0, F16\."):
        hub.fetch(f"{REPO}:Q2_K", no_progress)


def test_a_repository_with_nothing_to_load_is_refused(server: Hub) -> None:
    server.repos["someone/pickle"] = {"pytorch_model.bin": b"x", "config.json": b"{}"}
    with pytest.raises(ModelLoadFailed, match="no GGUF files"):
        hub.found("someone/pickle")


def test_what_is_no_gguf_file_is_told_after_its_download(server: Hub, db: None) -> None:
    server.repos[REPO]["Tiny-Q8_0.gguf"] = b"<html>Sign in first</html>"
    row = services.model_register(name=f"{REPO}:Q8_0")
    with pytest.raises(ModelLoadFailed, match="not a GGUF file"):
        sources.fetch(row, no_progress)


def test_a_disk_that_is_too_small_is_noticed_before(server: Hub) -> None:
    server.lie["Tiny-Q8_0.gguf"] = 10**16
    with pytest.raises(DiskFull, match="on the disk"):
        hub.fetch(f"{REPO}:Q8_0", no_progress)


def test_what_cannot_be_loaded_is_not_fetched(
    server: Hub, registry: None, settings: object
) -> None:
    settings.MODEL_MEMORY_LIMIT = len(LARGE) - 1  # type: ignore[attr-defined]
    server.repos[REPO]["Tiny-Q8_0.gguf"] = LARGE
    with pytest.raises(ModelTooLarge, match="large; MODEL_MEMORY_LIMIT is"):
        services.model_load(name=f"{REPO}:Q8_0")
    assert not server.bodies("Tiny-Q8_0.gguf")


def test_half_a_download_of_another_program_is_listed(server: Hub, db: None) -> None:
    blobs = Path(constants.HF_HUB_CACHE) / "models--someone--Half" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.incomplete").write_bytes(bytes(3_000_000))
    services.model_list()
    assert row_of("someone/Half").problem.endswith("3 MB have come.")
    info = services.model_info(row_of("someone/Half"))
    assert (info.group, info.downloaded) == ("download", False)
    (blobs / "abc.incomplete").unlink()
    services.model_list()
    assert not LanguageModel.objects.filter(name="someone/Half").exists()


def test_deleting_one_file_leaves_the_others(server: Hub, registry: None) -> None:
    for tag in ("Q8_0", "Q4_K_M"):
        hub.fetch(f"{REPO}:{tag}", no_progress)
    services.model_list()
    services.model_delete(name=f"{REPO}:Q8_0")
    assert [model.name for model in hub.cached()] == [f"{REPO}:Q4_K_M"]
    assert not hub.is_whole(f"{REPO}:Q8_0")
    services.model_delete(name=f"{REPO}:Q4_K_M")
    assert not list(hub.cached())
    assert not (Path(constants.HF_HUB_CACHE) / "models--someone--Tiny-GGUF").exists()


def pausable(server: Hub) -> str:
    """The id of a model whose download waits in its middle."""
    server.repos[REPO]["Tiny-Q8_0.gguf"] = LARGE
    server.chunk, server.hold = 12 * 2**20, threading.Event()
    name = f"{REPO}:Q8_0"
    services.model_load_start(name=name)
    eventually(lambda: row_of(name).progress > 0.3, seconds=60)
    return name


def test_a_download_is_paused_and_goes_on(
    server: Hub,
    registry: None,
    owner_client: Client,
    scripted: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ENGINES, "llamacpp", "tests.scripted.engine_make")
    name = pausable(server)
    answer = owner_client.post(f"/api/models/{name}/pause", **JSON).json()
    assert (answer["state"], answer["last_error"]) == ("paused", "")
    assert 0.3 < answer["progress"] < 0.5
    assert answer["size_bytes"] == len(LARGE), "known before the download began"
    services.startup()
    assert row_of(name).state == "paused", "also after a restart"
    html = owner_client.get("/models/").content.decode()
    assert "Paused" in html
    assert "of 34 MB" in html
    assert f"Resume {name}" in html
    server.hold = None
    services.model_load(name=name)
    assert row_of(name).state == "loaded"
    assert server.bodies("Tiny-Q8_0.gguf") == ["", f"bytes={12 * 2**20}-"]


def test_a_paused_download_can_be_given_up(server: Hub, registry: None) -> None:
    name = pausable(server)
    assert services.model_pause(name=name).state == "paused"
    assert services.model_pause(name=name).state == "paused", "twice is no matter"
    assert services.model_unload(name=name).state == "unloaded"
    services.model_delete(name=name)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.partial"))


def test_what_a_stopped_server_was_fetching_is_paused(db: None) -> None:
    row = services.model_register(name=f"{REPO}:Q8_0")
    LanguageModel.objects.filter(pk=row.pk).update(state="downloading", progress=0.4)
    services.startup()
    row.refresh_from_db()
    assert (row.state, row.progress) == ("paused", 0.4)


def test_an_error_stays_until_it_is_dismissed(
    server: Hub,
    registry: None,
    owner_client: Client,
    scripted: ScriptedEngine,
    settings: object,
) -> None:
    settings.MODEL_MEMORY_LIMIT = 0  # type: ignore[attr-defined]
    server.lie["Tiny-Q8_0.gguf"] = 10**16
    name = f"{REPO}:Q8_0"
    services.model_load_start(name=name)
    eventually(lambda: row_of(name).state == "failed", seconds=60)
    for _ in range(2):
        html = owner_client.get("/models/", HTTP_HX_REQUEST="true").content.decode()
        assert "on the disk" in html
    assert f"Dismiss the error of {name}" in html
    answer = owner_client.post(f"/api/models/{name}/dismiss", **JSON).json()
    assert (answer["state"], answer["last_error"]) == ("unloaded", "")
    html = owner_client.get("/models/").content.decode()
    assert "on the disk;" not in html


def test_a_server_that_ends_leaves_its_downloads_paused(server: Hub, registry: None) -> None:
    name = pausable(server)
    services.shutdown()
    row = row_of(name)
    assert row.state == "paused"
    assert row.progress > 0.3


# --- Names of files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Llama-3.2-3B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama-2-7b-chat.q4_0.gguf", "Q4_0"),
        ("Qwen2.5-7B-Instruct-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model.bf16.gguf", "BF16"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("q8_0-model-F16.gguf", "F16"),
        ("Q4_K_M/model-Q4_K_M-00001-of-00002.gguf", "Q4_K_M"),
        ("Qwen2-model.gguf", ""),
        ("plain.gguf", ""),
    ],
)
def test_labels_of_files(name: str, label: str) -> None:
    assert label_of(name) == label


def test_files_are_told_apart_where_their_labels_do_not() -> None:
    names = ["a-Q4_0.gguf", "b-Q4_0.gguf", "c.gguf", "Q5_K_M/d.gguf", "notes.txt"]
    models = files_by_tag(names)
    assert set(models) == {"a-Q4_0", "b-Q4_0", "c", "Q5_K_M"}
    assert choose(models, "A-q4_0.gguf") == "a-Q4_0"
    assert choose(models, "") == "Q5_K_M"
    assert choose(models, "Q8_0") is None
    assert choose({}, "") is None
