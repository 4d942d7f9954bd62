"""llama.cpp in a process of its own: what it keeps across deaths, and what it refuses."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import InvalidRequest
from inference.engines.base import EngineConfig
from inference.engines.worker.engine import WorkerEngine
from inference.errors import EngineUnavailable, ModelLoadFailed, WorkerLost
from inference.library import embedded
from inference.llamacpp_worker import backend
from inference.types import Constraint, Delta, GenerationRequest, PromptMessage, Sampling
from tests.inference.conftest import kill, no_progress, pid_of
from tests.prompts import LONG
from tests.server import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.model

SEA = "Tell me about the sea. " + "The sea is blue and deep. " * 20


def make(path: Path, **options: object) -> WorkerEngine:
    config = EngineConfig(model="m", engine="llamacpp", path=str(path), options=options)
    engine = WorkerEngine(config)
    try:
        engine.load(no_progress)
    except BaseException:
        engine.unload()
        raise
    return engine


@pytest.fixture
def model_file() -> Path:
    found = embedded.gguf_file()
    assert found
    return found


@pytest.fixture
def kept(model_file: Path, tmp_path: Path) -> Iterator[WorkerEngine]:
    """An engine that keeps conversations on the disk."""
    options = {"prompt_cache_dir": str(tmp_path / "cache"), "prompt_cache_disk_bytes": 1 << 30}
    engine = make(model_file, **options)
    yield engine
    engine.unload()


def turn(engine: WorkerEngine, messages: list[PromptMessage]) -> Delta:
    """One more answer in the conversation; gives its last delta."""
    request = GenerationRequest(
        messages=tuple(messages), max_tokens=8, sampling=Sampling(temperature=0)
    )
    deltas = list(engine.stream(request))
    text = "".join(delta.text for delta in deltas)
    messages += [PromptMessage("assistant", text), PromptMessage("user", "Go on.")]
    return deltas[-1]


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("llamacpp-*/*.json"))


def test_a_conversation_goes_on_from_the_disk_after_a_kill(
    kept: WorkerEngine, tmp_path: Path
) -> None:
    messages = [PromptMessage("user", SEA)]
    first = turn(kept, messages)
    assert first.usage
    assert first.usage.cached_tokens == 0
    eventually(lambda: stored(tmp_path), seconds=60)
    (about,) = stored(tmp_path)
    for path in (about, about.with_suffix(".slot")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kill(kept)
    second = turn(kept, messages)
    assert second.usage
    assert second.usage.cached_tokens > first.usage.prompt_tokens - 8
    eventually(
        lambda: stored(tmp_path) not in ([], [about]), seconds=60
    )  # the longer one took its place
    assert len(stored(tmp_path)) == 1


def test_a_damaged_file_is_not_taken(kept: WorkerEngine, tmp_path: Path) -> None:
    messages = [PromptMessage("user", SEA)]
    turn(kept, messages)
    eventually(lambda: stored(tmp_path), seconds=60)
    data = stored(tmp_path)[0].with_suffix(".slot")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    kill(kept)
    last = turn(kept, messages)
    assert last.usage
    assert last.usage.cached_tokens == 0
    assert not data.exists()


def test_a_kill_in_the_middle_of_an_answer_loses_that_answer_alone(
    kept: WorkerEngine, tmp_path: Path
) -> None:
    messages = [PromptMessage("user", SEA)]
    turn(kept, messages)
    eventually(lambda: stored(tmp_path), seconds=60)
    request = GenerationRequest(messages=(PromptMessage("user", LONG),), max_tokens=500)
    stream = kept.stream(request)
    next(stream)
    kill(kept)
    with pytest.raises(WorkerLost):
        list(stream)
    last = turn(kept, messages)
    assert last.usage
    assert last.usage.cached_tokens > 100


def test_a_grammar_that_llama_cpp_cannot_follow_is_refused_and_never_left_out(
    kept: WorkerEngine,
) -> None:
    constraint = Constraint("lark", "start: <[999999]>")  # no token has that number
    request = GenerationRequest(
        messages=(PromptMessage("user", "Hi"),), constraint=constraint, max_tokens=8
    )
    with pytest.raises(InvalidRequest, match=r"llama\.cpp cannot follow"):
        list(kept.stream(request))
    assert turn(kept, [PromptMessage("user", "Hi")]).finish_reason


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def unknown(whole: bytes) -> bytes:
    return whole.replace(b"llama", b"lxama", 1)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut, "cut short"),
        (lambda whole: b"", "empty"),
        (lambda whole: b"<html>", "not a GGUF file"),
        (unknown, "lxama"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(
    model_file: Path, tmp_path: Path, spoil: object, reason: str
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(spoil(model_file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelLoadFailed, match=reason):
        make(bad)


def test_a_cache_folder_that_cannot_be_made_costs_nothing_but_the_cache(
    model_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    engine = make(
        model_file, prompt_cache_dir=str(tmp_path / "file"), prompt_cache_disk_bytes=1 << 20
    )
    try:
        assert turn(engine, [PromptMessage("user", "Hi")]).finish_reason
    finally:
        engine.unload()


def test_what_came_with_the_model_counts(model_file: Path) -> None:
    engine = make(model_file, system="You only say ahoy.", stop=["STOP"])
    try:
        request = GenerationRequest(
            messages=(PromptMessage("user", "Hi"),), max_tokens=2, echo_prompt=True
        )
        assert "You only say ahoy." in next(iter(engine.stream(request))).prompt
    finally:
        engine.unload()


def folders_of(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"cortex-llama-{pid}-*"))


def test_the_socket_goes_with_the_process(model_file: Path) -> None:
    engine = make(model_file)
    first = pid_of(engine)
    (folder,) = folders_of(first)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kill(engine)
    assert turn(engine, [PromptMessage("user", "Hi")]).finish_reason
    second = pid_of(engine)
    assert not folders_of(first)  # the successor tidies up
    engine.unload()
    assert not folders_of(second)


def test_the_library_is_loaded_last_and_its_threads_are_told_how_to_wait() -> None:
    """Its threads read that when it is loaded, so nothing may import it before."""
    code = (
        "import os, sys; from inference.llamacpp_worker import backend, server; "
        "print('xllamacpp' in sys.modules); server.library(); "
        "print('xllamacpp' in sys.modules, os.environ['GOMP_SPINCOUNT'] == server.SPINS)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "True", "True"]


def test_without_a_package_for_this_system_mlx_is_to_serve(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    config = EngineConfig(model="m", engine="llamacpp", path=str(model_file))
    with pytest.raises(EngineUnavailable):
        backend.load(config, no_progress, lambda: None)


def test_another_file_of_the_same_name_has_a_cache_of_its_own(
    model_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / model_file.name
    shutil.copy(model_file, copy)
    options = {"prompt_cache_dir": str(tmp_path / "cache"), "prompt_cache_disk_bytes": 1 << 30}
    for path in (model_file, copy):
        engine = make(path, **options)
        last = turn(engine, [PromptMessage("user", SEA)])
        engine.unload()
        assert last.usage
        assert last.usage.cached_tokens == 0
    assert len(stored(tmp_path)) == 2
