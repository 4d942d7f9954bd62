"""Which better model somebody is offered who has only the embedded one, and how it is taken."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytest_django import Settings

from inference import services
from inference.library import embedded, facts
from inference.loaded.suggestion import model_suggest
from inference.models import LanguageModel
from tests.inference.library.gguf_files import MODEL as METADATA
from tests.inference.library.gguf_files import gguf
from tests.scripted import MODEL, ScriptedEngine
from tests.waiting import eventually

GB, GIB = 10**9, 2**30
SMALL = facts.FOR_LLAMACPP[0].name


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "is_apple_silicon", lambda: False)
    settings.MODEL_MEMORY_LIMIT = 12 * GIB
    settings.MODEL_CACHE_DIR = tmp_path


def here(name: str, size: int, **fields: object) -> LanguageModel:
    """A model of that size on this disk."""
    return LanguageModel(name=name, source="folder", format="mlx", size_bytes=size, **fields)


def to_fetch() -> list[LanguageModel]:
    names = [fact.name for fact in (*facts.FOR_MLX, *facts.FOR_LLAMACPP)]
    return [LanguageModel(name=name, source="huggingface") for name in names]


def suggested(*rows: LanguageModel) -> str | None:
    """The id of what is suggested, with "get " before it if it is not here."""
    info = model_suggest([*rows, *to_fetch()], embedded.MODEL)
    return info and ("" if info.downloaded else "get ") + info.id


def test_the_largest_that_is_here_and_fits() -> None:
    models = [here("one", 700_000_000), here("three", 2 * GB), here("seventy", 40 * GB)]
    assert suggested(*models) == "three"
    assert suggested(*reversed(models)) == "three"
    wide = here("one", 3 * GB, parameters=1_000_000_000)
    assert suggested(wide, here("three", 2 * GB, parameters=3_000_000_000)) == "three"


@pytest.mark.parametrize(
    "row",
    [
        here("tiny", 93_000_000),
        here("vectors", GB, parameters=335_000_000),
        here("failed", 2 * GB, state="failed"),
        here("broken", 2 * GB, problem="It is cut short."),
        here("unknown", 0),
        LanguageModel(name="far", source="remote", engine="openai", parameters=10**12),
    ],
    ids=lambda row: row.name,
)
def test_what_is_not_better_or_cannot_answer_is_not_suggested(row: LanguageModel) -> None:
    assert suggested(row) == f"get {SMALL}"


def test_a_file_that_knows_no_conversation_is_not_suggested(tmp_path: Path) -> None:
    bare = {key: value for key, value in METADATA.items() if "chat_template" not in key}
    rows = []
    for name, metadata in [("chats", METADATA), ("vectors", bare)]:
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(gguf(metadata))
        row = here(name, 2 * GB if name == "chats" else 3 * GB, path=str(path))
        row.format = "gguf"
        rows.append(row)
    assert suggested(*rows) == "chats"
    (tmp_path / "chats.gguf").unlink()
    assert suggested(*rows) == f"get {SMALL}"


@pytest.mark.parametrize(
    ("is_apple", "limit", "name"),
    [
        (False, 12 * GIB, f"get {SMALL}"),
        (False, 64 * GIB, f"get {SMALL}"),
        (True, 12 * GIB, f"get {facts.FOR_MLX[0].name}"),
        (False, 2 * GIB, None),
    ],
)
def test_the_recommended_one_that_is_soonest_of_use(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    is_apple: bool,
    limit: int,
    name: str | None,
) -> None:
    monkeypatch.setattr(facts, "is_apple_silicon", lambda: is_apple)
    settings.MODEL_MEMORY_LIMIT = limit
    assert suggested() == name


@pytest.mark.parametrize(
    ("id", "short"),
    [
        (SMALL, "Llama-3.2-3B-Instruct"),
        (facts.FOR_MLX[0].name, "Llama-3.2-3B-Instruct-4bit"),
        ("llama3.2:3b", "llama3.2:3b"),
        ("mine", "mine"),
    ],
)
def test_a_short_name_is_what_people_call_a_model(id: str, short: str) -> None:
    info = model_suggest([here(id, 2 * GB)], embedded.MODEL)
    assert info
    assert info.short_name == short


@pytest.fixture
def slow(transactional_db: None, scripted: ScriptedEngine, tmp_path: Path) -> threading.Event:
    """Makes `better`, on this disk, load until the event is set; the embedded model is the
    default."""
    (tmp_path / "better.gguf").write_bytes(gguf())
    services.model_refresh()
    LanguageModel.objects.filter(name="better").update(engine="scripted", engine_is_chosen=True)
    services.model_set_default(name=embedded.MODEL)
    gate = threading.Event()
    described = scripted.load
    scripted.load = lambda progress: gate.wait(10) and described(progress)  # type: ignore
    return gate


def state() -> str:
    return LanguageModel.objects.get(name="better").state


def test_it_is_the_default_when_it_can_answer(slow: threading.Event) -> None:
    assert services.model_adopt(name="better").state == "loading"
    assert services.embedded_is_default()
    slow.set()
    eventually(lambda: not services.embedded_is_default())
    assert services.model_default().name == "better"
    services.model_unload(name="better")


def test_one_that_is_loaded_is_the_default_at_once(slow: threading.Event) -> None:
    slow.set()
    services.model_load(name="better")
    services.model_adopt(name="better")
    assert services.model_default().name == "better"
    services.model_unload(name="better")


def test_a_load_that_is_given_up_changes_nothing(slow: threading.Event) -> None:
    services.model_adopt(name="better")
    threading.Timer(0.2, slow.set).start()
    services.model_unload(name="better")
    assert state() == "unloaded"
    assert services.embedded_is_default()


def test_a_load_that_fails_changes_nothing(slow: threading.Event, tmp_path: Path) -> None:
    (tmp_path / "better.gguf").write_bytes(b"GGUF")
    services.model_adopt(name="better")
    eventually(lambda: state() == "failed")
    assert services.embedded_is_default()
    assert LanguageModel.objects.get(name="better").last_error


def test_what_somebody_has_chosen_meanwhile_stays(slow: threading.Event) -> None:
    services.model_adopt(name="better")
    services.model_set_default(name=MODEL)
    slow.set()
    eventually(lambda: state() == "loaded")
    services.model_unload(name="better")
    assert services.model_default().name == MODEL


def test_what_the_start_names_is_no_newcomers_model(
    slow: threading.Event, settings: Settings
) -> None:
    settings.SERVED_MODEL = embedded.MODEL
    assert not services.embedded_is_default()
