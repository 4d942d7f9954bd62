"""Which engine computes a model: chosen by people, refused where it cannot, and taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import QuerySet

from common.cancellation import on_cancel
from common.errors import InvalidRequest
from inference import services
from inference.engines import ENGINES
from inference.engines.base import Progress
from inference.errors import ModelLoadFailed
from inference.library import engines
from inference.loaded.registry import REGISTRY
from inference.models import LanguageModel
from inference.types import GenerationRequest, ModelDescription, PromptMessage, Usage
from tests import scripted
from tests.inference.library.gguf_files import MODEL as GGUF
from tests.inference.library.gguf_files import gguf
from tests.scripted import MODEL, ScriptedEngine
from tests.waiting import eventually

BOTH = "mine"  # a GGUF file that MLX reads
ASK = GenerationRequest((PromptMessage("user", "Hi"),), model=BOTH)
SECONDS = Usage(completion_tokens=11, decode_seconds=0.5)


@pytest.fixture
def both(
    registry: None, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedEngine]:
    """A model for both engines, which are scripted; this machine takes llama.cpp."""
    monkeypatch.setattr(engines, "is_apple_silicon", lambda: False)
    settings.MODEL_CACHE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / f"{BOTH}.gguf").write_bytes(gguf())
    (tmp_path / "other.gguf").write_bytes(gguf({**GGUF, "general.architecture": "qwen2"}))
    engine = ScriptedEngine()
    monkeypatch.setattr(scripted, "_current", [engine])
    for name in ("mlx", "llamacpp"):
        monkeypatch.setitem(ENGINES, name, "tests.scripted.engine_make")
    services.model_refresh()
    yield engine
    services.shutdown()


def row(name: str = BOTH) -> LanguageModel:
    return LanguageModel.objects.get(name=name)


def test_a_loaded_model_moves_to_the_engine_that_is_chosen(both: ScriptedEngine) -> None:
    services.model_load(name=BOTH)
    assert both.config.engine == "llamacpp"
    LanguageModel.objects.filter(name=BOTH).update(runtime="llama.cpp 1", memory_bytes=5)
    chosen = services.model_engine_set(name=BOTH, engine="mlx")
    assert (chosen.engine, chosen.engine_is_chosen, chosen.state) == ("mlx", True, "unloaded")
    assert (chosen.runtime, chosen.memory_bytes) == ("", 0), "that was of the other engine"
    services.model_load(name=BOTH)
    assert both.config.engine == "mlx"
    services.model_refresh()
    assert services.model_engine_set(name=BOTH, engine="mlx").state == "loaded", "nothing changes"
    back = services.model_engine_set(name=BOTH, engine="auto")
    assert (back.engine, back.engine_is_chosen, back.state) == ("llamacpp", False, "unloaded")


def test_choosing_what_runs_already_disturbs_nobody(both: ScriptedEngine) -> None:
    services.model_load(name=BOTH)
    chosen = services.model_engine_set(name=BOTH, engine="llamacpp")
    assert (chosen.engine_is_chosen, chosen.state) == (True, "loaded")


def test_a_load_under_way_is_given_up(
    both: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()

    def load(progress: Progress) -> ModelDescription:
        began.set()
        on_cancel(ended.set)
        assert ended.wait(30)
        raise ModelLoadFailed("It was ended.")

    with monkeypatch.context() as patched:
        patched.setattr(both, "load", load)
        services.model_load_start(name=BOTH)
        assert began.wait(30)
        assert services.model_engine_set(name=BOTH, engine="mlx").state == "unloaded"
        assert ended.is_set()
    assert services.model_load(name=BOTH).state == "loaded"
    assert both.config.engine == "mlx"


def test_a_request_that_found_its_model_before_the_choice_gets_the_new_engine(
    both: ScriptedEngine,
) -> None:
    found = row()
    services.model_engine_set(name=BOTH, engine="mlx")
    with REGISTRY.use(found):
        assert both.config.engine == row().engine == "mlx"


@pytest.mark.parametrize(
    ("name", "engine", "complaint"),
    [
        ("other", "mlx", "other does not run on 'mlx', only on 'llamacpp'"),
        ("mlx-community/Llama-3.2-3B-Instruct-4bit", "llamacpp", "only on 'mlx'"),
        ("someone/unknown", "mlx", "not known before it is on this machine"),
        ("far", "auto", "far runs on another server"),
        (BOTH, "cuda", "'cuda' is no engine: choose one of mlx, llamacpp, auto"),
        (BOTH, "", "is no engine"),
    ],
)
def test_what_cannot_run_it_is_refused(
    both: ScriptedEngine, name: str, engine: str, complaint: str
) -> None:
    services.model_register(name="someone/unknown")
    LanguageModel.objects.create(name="far", engine="openai", source="remote")
    before = row(name).engine
    with pytest.raises(InvalidRequest, match=complaint) as caught:
        services.model_engine_set(name=name, engine=engine)
    assert caught.value.details["field"] == "engine"
    assert (row(name).engine, row(name).engine_is_chosen) == (before, False)


def test_only_admins_choose(both: ScriptedEngine, other_user: User) -> None:
    with pytest.raises(PermissionDenied, match="admin"):
        services.model_engine_set(name=BOTH, engine="mlx", by=other_user)
    assert row().engine == "llamacpp"


# --- How fast it was -----------------------------------------------------------------------------


def test_the_speed_on_each_engine_is_kept(both: ScriptedEngine) -> None:
    both.reply("Hello.", usage=SECONDS)
    services.complete(ASK)
    info = services.model_info(row())
    assert (info.tokens_per_second, info.speeds) == (20.0, {"llamacpp": 20.0})
    services.model_engine_set(name=BOTH, engine="mlx")
    info = services.model_info(row())
    assert (info.tokens_per_second, info.speeds) == (None, {"llamacpp": 20.0})
    assert info.other_speeds == [("llama.cpp", 20.0)]


def test_a_database_that_fails_keeps_no_model_in_memory(
    both: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.reply("Hello.", usage=SECONDS)
    services.complete(ASK)

    def fails(*_: object, **__: object) -> int:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(QuerySet, "update", fails)
        REGISTRY.unload(BOTH)
    assert REGISTRY.slot(BOTH) is None
    eventually(lambda: services.model_load(name=BOTH).state == "loaded")


def test_the_embedded_model_can_be_had_on_both(db: None) -> None:
    info = services.model_info(services.model_resolve("smollm2-135m-instruct"))
    assert set(info.engines) == {"mlx", "llamacpp"}
    assert info.engine == info.engines[0]


def test_a_model_of_another_server_has_no_engine_to_choose(scripted: ScriptedEngine) -> None:
    info = services.model_info(row(MODEL))
    assert (info.engines, info.engine_choices) == ([], [])
