"""Models are loaded once, evicted, idled out and unloaded: with real workers."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from common.errors import CortexError
from inference import services
from inference.errors import ModelBusy, ModelLoadFailed, ModelTooLarge, QueueFull, WorkerLost
from inference.library import embedded
from inference.loaded import registry
from inference.loaded.registry import REGISTRY
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage, Sampling
from tests.inference.conftest import kill, pid_of
from tests.inference.engines.test_worker import is_alive
from tests.prompts import LONG
from tests.waiting import eventually

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("registry", "embedded_folder")]

EMBEDDED = embedded.MODEL


def ask(text: str = LONG, model: str = "", max_tokens: int = 200) -> GenerationRequest:
    return GenerationRequest(
        messages=(PromptMessage("user", text),),
        model=model,
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0),
    )


def row(name: str = EMBEDDED) -> LanguageModel:
    return LanguageModel.objects.get(name=name)


def together(count: int, work: Callable[[], object]) -> list[object]:
    """What `count` threads that begin at once get: results or CortexErrors."""
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(work())
        except CortexError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return outcomes


@pytest.fixture
def twin(tmp_path: Path) -> str:
    """A second model: the same weights in another file."""
    shutil.copy(embedded.gguf_file(), tmp_path / "twin.gguf")
    return services.model_serve_path(tmp_path / "twin.gguf").name


def test_the_first_request_loads_and_unload_gives_the_memory_back() -> None:
    completion = services.complete(ask("What is the capital of France?", max_tokens=20))
    assert "Paris" in completion.text
    assert completion.model == EMBEDDED
    loaded = row()
    assert loaded.state == "loaded"
    assert loaded.memory_bytes > 100_000_000
    assert loaded.context_length == 8192
    assert "grammar" in loaded.abilities
    assert loaded.runtime.startswith(("MLX ", "llama.cpp "))
    assert loaded.last_used_at is not None
    pid = pid_of(REGISTRY.slot(EMBEDDED).engine)
    assert services.model_unload(name=EMBEDDED).state == "unloaded"
    assert not is_alive(pid)
    assert services.memory_used() == 0


def test_simultaneous_loads_share_one_process() -> None:
    outcomes = together(4, lambda: services.model_load(name=EMBEDDED))
    assert [model.state for model in outcomes] == ["loaded"] * 4
    pid = pid_of(REGISTRY.slot(EMBEDDED).engine)
    services.model_load(name=EMBEDDED)
    assert pid_of(REGISTRY.slot(EMBEDDED).engine) == pid


def test_a_load_in_the_background_shows_in_the_row() -> None:
    started = services.model_load_start(name=EMBEDDED)
    assert started.state == "loading"
    assert services.model_load(name=EMBEDDED).state == "loaded"


def test_unloading_while_loading_gives_the_load_up() -> None:
    services.model_load_start(name=EMBEDDED)
    waiting: list[object] = []
    thread = threading.Thread(
        target=lambda: waiting.extend(together(1, lambda: services.complete(ask())))
    )
    thread.start()
    eventually(lambda: REGISTRY.slot(EMBEDDED).active == 2)
    services.model_unload(name=EMBEDDED)
    thread.join(30)
    assert isinstance(waiting[0], ModelBusy)
    assert row().state == "unloaded"
    assert not row().last_error


def test_unloading_while_generating_ends_the_answer() -> None:
    with services.generate(ask()) as generation:
        next(generation)
        services.model_unload(name=EMBEDDED)
        with pytest.raises(WorkerLost, match="unloaded"):
            list(generation)
    assert services.complete(ask("Hello", max_tokens=3)).text


def test_a_crash_is_told_in_the_row_and_healed() -> None:
    with services.generate(ask()) as generation:
        next(generation)
        kill(REGISTRY.slot(EMBEDDED).engine)
        with pytest.raises(WorkerLost):
            list(generation)
    assert "Paris" in services.complete(ask("What is the capital of France?", max_tokens=20)).text
    eventually(lambda: row().state == "loaded")
    assert "SIGKILL" in row().last_error


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one BLAS only")
def test_a_processor_that_lacks_an_instruction_gets_a_plainer_successor() -> None:
    with services.generate(ask()) as generation:
        next(generation)
        kill(REGISTRY.slot(EMBEDDED).engine, signal.SIGILL)
        with pytest.raises(WorkerLost):
            list(generation)
    assert services.complete(ask("Hello", max_tokens=2)).text
    eventually(lambda: row().state == "loaded" and "MLX" in row().runtime)
    assert "llama.cpp does not run here" in row().runtime_notes[0]
    other = ask(f"Once more: {LONG}")  # the first request is a suspect by now
    with services.generate(other) as generation:
        next(generation)
        kill(REGISTRY.slot(EMBEDDED).engine, signal.SIGILL)
        with pytest.raises(WorkerLost):
            list(generation)
    assert services.complete(ask("Hello", max_tokens=2)).text
    eventually(lambda: row().state == "loaded" and "reference BLAS" in row().runtime)
    assert "plainest set-up" in row().runtime_notes[-1]


def test_the_least_recently_used_model_makes_way(twin: str, settings: Settings) -> None:
    services.model_load(name=EMBEDDED)
    settings.MODEL_MEMORY_LIMIT = int(services.memory_used() * 1.6)
    services.model_load(name=twin)
    assert row().state == "unloaded"
    assert row(twin).state == "loaded"
    services.model_load(name=EMBEDDED)
    assert row(twin).state == "unloaded"


def test_a_model_that_answers_is_not_evicted(
    twin: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ROOM_WAIT", 1.0)
    with services.generate(ask(model=EMBEDDED)) as generation:
        next(generation)
        settings.MODEL_MEMORY_LIMIT = int(services.memory_used() * 1.6)
        LanguageModel.objects.filter(name=twin).update(memory_bytes=services.memory_used())
        with pytest.raises(QueueFull, match="are answering"):
            services.model_load(name=twin)
        assert next(generation)
    services.model_load(name=twin)
    assert row().state == "unloaded"


def test_a_model_larger_than_the_limit_is_refused(settings: Settings) -> None:
    settings.MODEL_MEMORY_LIMIT = 50_000_000
    with pytest.raises(ModelTooLarge) as caught:
        services.model_load(name=EMBEDDED)
    assert caught.value.details["limit_bytes"] == 50_000_000
    assert caught.value.details["needed_bytes"] > 50_000_000
    assert row().state == "failed"
    settings.MODEL_MEMORY_LIMIT = 0
    assert services.model_load(name=EMBEDDED).last_error == ""


def test_what_turns_out_too_large_is_unloaded_again(settings: Settings) -> None:
    settings.MODEL_MEMORY_LIMIT = 200_000_000  # the files fit, the process does not
    with pytest.raises(ModelTooLarge):
        services.model_load(name=EMBEDDED)
    assert not REGISTRY.loaded()
    assert services.memory_used() == 0


def test_an_idle_model_is_unloaded(settings: Settings) -> None:
    settings.MODEL_IDLE_TIMEOUT = 1
    with services.generate(ask()) as generation:
        next(generation)
        time.sleep(2.5)
        assert next(generation)
    eventually(lambda: row().state == "unloaded", seconds=40)
    settings.MODEL_IDLE_TIMEOUT = 0
    assert services.complete(ask("Hello", max_tokens=3)).text


def test_a_corrupt_folder_fails_with_words(embedded_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(embedded_folder, folder)
    twin = services.model_serve_path(folder).name
    weights = next(folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelLoadFailed):
        services.model_load(name=twin)
    assert row(twin).state == "failed"
    assert row(twin).last_error
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelLoadFailed, match=r"config\.json"):
        services.model_load(name=twin)


def test_startup_forgets_what_a_former_process_had() -> None:
    services.startup()
    LanguageModel.objects.filter(name=EMBEDDED).update(state="loaded", stage="load", progress=0.5)
    services.startup()
    assert (row().state, row().stage, row().progress) == ("unloaded", "", 0.0)


def test_shutdown_ends_every_process(twin: str) -> None:
    services.model_load(name=EMBEDDED)
    services.model_load(name=twin)
    pids = [pid_of(slot.engine) for slot in REGISTRY.loaded()]
    assert len(pids) == 2
    services.shutdown()
    assert not any(is_alive(pid) for pid in pids)
