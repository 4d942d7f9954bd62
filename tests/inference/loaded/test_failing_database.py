"""What a model does in memory never depends on the database: rows follow when it is well again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import mirror
from common.errors import CortexError
from inference import services
from inference.engines import ENGINES
from inference.engines.base import EngineConfig
from inference.engines.worker.engine import WorkerEngine
from inference.errors import ModelLoadFailed
from inference.library import embedded, engines
from inference.loaded import registry as registries
from inference.loaded.gauges import ModelGauges
from inference.loaded.registry import REGISTRY, Registry
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage, Sampling
from tests import scripted
from tests.broken_database import database_fails
from tests.inference.library.gguf_files import gguf
from tests.scripted import Reply, ScriptedEngine
from tests.waiting import eventually

NAME = "mine"  # a model that is loaded on a thread, as all but remote ones are
ASK = GenerationRequest((PromptMessage("user", "Hi"),), model=NAME)


@pytest.fixture
def local(
    registry: None, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedEngine]:
    """A local model on a scripted engine."""
    monkeypatch.setattr(engines, "is_apple_silicon", lambda: False)
    monkeypatch.setattr(mirror, "RETRY_SECONDS", 0.05)
    settings.MODEL_CACHE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / f"{NAME}.gguf").write_bytes(gguf())
    engine = ScriptedEngine()
    engine.fallback = Reply("Hello.")
    monkeypatch.setattr(scripted, "_current", [engine])
    monkeypatch.setitem(ENGINES, "llamacpp", "tests.scripted.engine_make")
    services.model_refresh()
    yield engine
    services.shutdown()


def row() -> LanguageModel:
    return LanguageModel.objects.get(name=NAME)


def failing_load(progress: object) -> None:
    raise ModelLoadFailed("Its files are damaged.")


def outcomes(count: int) -> list[str]:
    """What so many threads hear that ask at once."""
    heard: list[str] = []

    def ask() -> None:
        try:
            heard.append(services.complete(ASK).text)
        except CortexError as error:
            heard.append(str(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return heard


def test_a_model_is_loaded_and_answers(local: ScriptedEngine) -> None:
    with database_fails():
        assert services.complete(ASK).text == "Hello."
        assert row().state == "unloaded"
    eventually(lambda: row().state == "loaded")
    assert row().context_length == 8192
    assert row().last_used_at is not None


def test_it_is_loaded_as_its_row_was_read(local: ScriptedEngine) -> None:
    found = row()
    with database_fails(reads=True):
        slot = REGISTRY.acquire(found)
        REGISTRY.release(slot)
        assert slot.loaded
    eventually(lambda: row().state == "loaded")


def test_who_waits_for_a_load_that_fails_is_told_and_it_can_be_tried_again(
    local: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(local, "load", failing_load)
        with database_fails():
            assert outcomes(3) == ["Its files are damaged."] * 3
            assert REGISTRY.slot(NAME) is None
        eventually(lambda: row().state == "failed")
        assert row().last_error == "Its files are damaged."
    assert outcomes(2) == ["Hello."] * 2
    assert row().state == "loaded"


@pytest.mark.parametrize("error", [RuntimeError("no"), MemoryError(), SystemExit(1)])
def test_whatever_a_load_raises_ends_the_waiting(
    local: ScriptedEngine, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def load(progress: object) -> None:
        raise error

    with monkeypatch.context() as patched, database_fails():
        patched.setattr(local, "load", load)
        (heard,) = outcomes(1)
        assert heard.startswith("Loading mine failed")
    assert services.complete(ASK).text == "Hello."


def test_a_thread_that_cannot_be_started_is_a_failed_load(
    local: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(registries.threading.Thread, "start", no_thread)
        with pytest.raises(ModelLoadFailed, match="could not begin"):
            services.model_load(name=NAME)
    assert services.model_load(name=NAME).state == "loaded"


def test_an_engine_that_gives_up_makes_room_for_another(local: ScriptedEngine) -> None:
    services.model_load(name=NAME)
    with database_fails():
        local.on_change("failed", "It crashed three times.")
        assert REGISTRY.slot(NAME) is None
    eventually(lambda: row().last_error == "It crashed three times.")
    assert services.complete(ASK).text == "Hello."


def test_an_engine_comes_back_though_nobody_can_be_told() -> None:
    def cannot(state: str, error: str) -> None:
        raise RuntimeError("the listener is broken")

    engine = WorkerEngine(EngineConfig(model="m"), cannot)
    engine._tell_change("loading", "Crashed.")
    engine._progress = cannot  # type: ignore[assignment]
    engine._on_message({"op": "progress", "stage": "load", "fraction": 0.5})


def test_a_model_that_cannot_be_unloaded_leaves_all_the_same(
    local: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unload() -> None:
        raise RuntimeError("no")

    services.model_load(name=NAME)
    with monkeypatch.context() as patched, database_fails():
        patched.setattr(local, "unload", unload)
        REGISTRY.shutdown()
        assert REGISTRY.slot(NAME) is None
    assert services.complete(ASK).text == "Hello."


def test_idle_models_are_looked_for_after_one_that_could_not_leave(
    local: ScriptedEngine, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def unload() -> None:
        tried.append("unload")
        raise RuntimeError("no")

    registry = Registry()  # whose thread has not begun to sleep
    monkeypatch.setattr(local, "memory_bytes", lambda: 5)  # what takes none may stay
    monkeypatch.setattr(local, "unload", unload)
    settings.MODEL_IDLE_TIMEOUT = 0.05  # type: ignore[attr-defined]
    for times in (1, 2):
        registry.release(registry.acquire(row()))
        eventually(lambda: registry.slot(NAME) is None)
        assert len(tried) == times


def test_the_list_of_models_can_be_read(local: ScriptedEngine, tmp_path: Path) -> None:
    (tmp_path / "another.gguf").write_bytes(gguf())
    with database_fails():
        assert NAME in [found.name for found in services.model_list()]
    assert "another" in [found.name for found in services.model_list()]


def test_the_figures_of_memory_are_told_without_the_database(local: ScriptedEngine) -> None:
    services.model_load(name=NAME)
    with database_fails(reads=True):
        told = {family.name: family.samples for family in ModelGauges().collect()}
    assert told["cortex_model_state"] == []
    assert [sample.labels["model"] for sample in told["cortex_model_memory_bytes"]] == [NAME]


@pytest.mark.model
@pytest.mark.usefixtures("registry", "embedded_folder")
def test_a_real_process_is_loaded_and_read_while_nothing_can_be_written() -> None:
    """Its progress is told on the thread that reads what it writes."""
    services.model_default()
    request = GenerationRequest(
        (PromptMessage("user", "Hello!"),),
        model=embedded.MODEL,
        max_tokens=3,
        sampling=Sampling(temperature=0),
    )
    with database_fails():
        assert services.complete(request).text
    eventually(lambda: LanguageModel.objects.get(name=embedded.MODEL).state == "loaded")
