"""The parent's half of a model process, with a real one: answers, crashes, restarts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import Counter

from common.errors import InvalidRequest
from inference.engines.base import EngineConfig
from inference.engines.worker.engine import CRASHES, WorkerAnswer, WorkerEngine
from inference.errors import ModelLoadFailed, QueueFull, WorkerLost
from inference.metrics import COMPLETION_TOKENS, WORKER_RESTARTS
from inference.types import AGENT, Delta, GenerationRequest, PromptMessage, Sampling
from tests.inference.conftest import kill, no_progress, pid_of
from tests.prompts import LONG
from tests.waiting import eventually

pytestmark = pytest.mark.model

Make = Callable[..., WorkerEngine]


def ask(text: str = LONG, max_tokens: int = 200) -> GenerationRequest:
    return GenerationRequest(
        messages=(PromptMessage("user", text),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0),
    )


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def counted(counter: Counter) -> float:
    (metric,) = counter.collect()
    return sum(s.value for s in metric.samples if s.labels == {"model": "m"})


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def make(embedded_folder: Path) -> Iterator[Make]:
    engines: list[WorkerEngine] = []

    def build(**options: object) -> WorkerEngine:
        config = EngineConfig(**{"model": "m", "path": str(embedded_folder)} | options)
        engine = WorkerEngine(config)
        engine.changes = []  # type: ignore[attr-defined]
        engine.on_change = lambda *change: engine.changes.append(change)  # type: ignore
        engines.append(engine)
        engine.load(no_progress)
        return engine

    yield build
    for engine in engines:
        engine.unload()


def test_it_answers_and_says_what_it_is(make: Make) -> None:
    engine = make()
    deltas = list(engine.stream(ask("What is the capital of France?", 20)))
    assert "Paris" in text_of(deltas)
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage.completion_tokens > 3
    assert engine.describe().context_length == 8192
    assert engine.memory_bytes() > 100_000_000


def test_cancel_finishes_as_cancelled_and_close_without_a_word(make: Make) -> None:
    engine = make()
    tokens = counted(COMPLETION_TOKENS)
    cancelled = engine.stream(ask())
    closed = engine.stream(ask("Write a long story about a wolf."))
    next(cancelled), next(closed)
    threading.Timer(0.05, closed.close).start()
    assert all(delta.finish_reason is None for delta in closed)
    engine.cancel(cancelled.request.id)
    last = list(cancelled)[-1]
    assert last.finish_reason == "cancelled"
    told = last.usage.completion_tokens
    eventually(lambda: counted(COMPLETION_TOKENS) - tokens > told)  # those of the closed one too
    assert "2" in text_of(list(engine.stream(ask("What is 1 + 1?", 20))))


def test_a_crash_costs_the_running_answer_and_no_more(make: Make) -> None:
    engine = make()
    restarts = counted(WORKER_RESTARTS)
    answer = engine.stream(ask())
    first = next(answer)
    pid = kill(engine)
    with pytest.raises(WorkerLost, match="SIGKILL"):
        list(answer)
    assert first.text
    assert "Paris" in text_of(list(engine.stream(ask("What is the capital of France?", 20))))
    assert pid_of(engine) != pid
    eventually(lambda: [state for state, _ in engine.changes] == ["loading", "loaded"])
    assert counted(WORKER_RESTARTS) - restarts == 1


def test_what_had_produced_nothing_is_asked_again_once(make: Make) -> None:
    engine = make(max_batch=1)
    running, waiting = engine.stream(ask()), engine.stream(ask("What is the capital of France?", 9))
    next(running)
    kill(engine)
    with pytest.raises(WorkerLost):
        list(running)
    assert "Paris" in text_of(list(waiting))


def test_a_request_that_kills_twice_is_given_up(make: Make) -> None:
    engine = make()
    kill(engine, signal.SIGSTOP)  # so that it takes the request and produces nothing
    answer = engine.stream(ask())
    first = kill(engine)
    eventually(lambda: engine._process is not None and pid_of(engine) != first)
    kill(engine, signal.SIGSTOP)
    eventually(lambda: engine._process is not None)
    os.kill(pid_of(engine), signal.SIGCONT)
    eventually(lambda: engine._loaded.done())
    if not answer.produced:
        kill(engine)
    with pytest.raises(InvalidRequest, match="not tried again"):
        list(answer)


def test_a_model_that_keeps_dying_is_given_up(make: Make) -> None:
    engine = make()
    for _ in range(CRASHES):
        eventually(lambda: engine._process is not None and engine._loaded.done())
        pid = kill(engine)
        eventually(lambda pid=pid: engine._process is None or pid_of(engine) != pid)
    eventually(lambda: engine.changes[-1][0] == "failed")
    assert "crashed 3 times" in engine.changes[-1][1]
    with pytest.raises(WorkerLost):
        engine.stream(ask())


def test_a_frozen_process_is_replaced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make()
    answer = engine.stream(ask())
    next(answer)
    kill(engine, signal.SIGSTOP)
    monkeypatch.setattr("inference.engines.worker.engine.STALL", 2.0)
    with pytest.raises(WorkerLost, match="no step"):
        list(answer)
    monkeypatch.undo()  # the machine may be slow; the new process has its time
    assert list(engine.stream(ask("Hello", 4)))[-1].finish_reason


def test_past_the_queue_it_refuses_at_once(make: Make) -> None:
    engine = make(max_batch=1, max_queue=1)
    taken = [engine.stream(ask()), engine.stream(ask())]
    with pytest.raises(QueueFull):
        engine.stream(ask())
    for answer in taken:
        answer.close()
    assert list(engine.stream(ask("Hello", 4)))[-1].finish_reason


def test_unloading_ends_answers_and_the_process(make: Make) -> None:
    engine = make()
    answer = engine.stream(ask())
    next(answer)
    pid = pid_of(engine)
    engine.unload()
    with pytest.raises(WorkerLost, match="unloaded"):
        list(answer)
    assert not is_alive(pid)
    assert engine.memory_bytes() == 0
    engine.unload()


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nowhere/at/all", "nowhere|all"), ("", ".")],
)
def test_a_missing_folder_fails_to_load(path: str, reason: str) -> None:
    engine = WorkerEngine(EngineConfig(model="m", path=path))
    with pytest.raises(ModelLoadFailed, match=reason):
        engine.load(no_progress)
    with pytest.raises(ModelLoadFailed):
        engine.describe()


def test_the_queue_is_told_and_moves_on(make: Make) -> None:
    """Interactive requests before agents; a full queue says how long it takes."""
    engine = make(max_batch=1, max_queue=3)
    running = engine.stream(ask(LONG, 400))
    next(running)
    assert engine.place(running.request.id) is None
    agent = engine.stream(replace(ask("Hello", 2), priority=AGENT))
    first = engine.stream(ask("Hello", 2))
    second = engine.stream(ask("Hello again", 2))
    answers = {"agent": agent, "first": first, "second": second}
    expected = {"first": 1, "second": 2, "agent": 3}
    eventually(lambda: {n: position(engine, a) for n, a in answers.items()} == expected)
    assert engine.queued() == 3
    waits = [engine.place(answers[name].request.id).seconds for name in expected]
    assert 0 < waits[0] < waits[1] < waits[2]

    with pytest.raises(QueueFull) as caught:
        engine.stream(ask("Hello", 2))
    assert caught.value.retry_after >= caught.value.details["expected_wait"] > waits[2]

    first.close()
    eventually(lambda: (position(engine, second), position(engine, agent)) == (1, 2))
    engine.cancel(running.request.id)
    assert list(agent)[-1].finish_reason
    assert (engine.place(agent.request.id), engine.queued()) == (None, 0)


def position(engine: WorkerEngine, answer: WorkerAnswer) -> int | None:
    place = engine.place(answer.request.id)
    return place.position if place else None


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, signal_name: str) -> None:
    """Python processes of the engine die by a signal as they start, the first `deaths` of them."""
    python = folder / "python"
    python.write_text(
        f"""#!/bin/sh
count=$(ls {folder}/death-* 2>/dev/null | wc -l)
if [ "$count" -lt {deaths} ]; then touch {folder}/death-$count; kill -{signal_name} $$; fi
exec {sys.executable} "$@"
"""
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_a_process_that_dies_while_loading_starts_once_more_and_plainer(
    embedded_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, 1, "ILL")
    engine = WorkerEngine(EngineConfig(model="m", path=str(embedded_folder)))
    try:
        description = engine.load(no_progress)
        assert "reference BLAS" in description.runtime or sys.platform == "darwin"
        assert "plainest set-up" in "".join(description.runtime_notes) or sys.platform == "darwin"
        assert "Paris" in text_of(list(engine.stream(ask("What is the capital of France?", 20))))
    finally:
        engine.unload()


@pytest.mark.parametrize(("name", "advice"), [("ILL", "remove .venv"), ("KILL", "smaller model"),
                                              ("SEGV", "download it again")])  # fmt: skip
def test_a_process_that_always_dies_fails_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    stand_in(tmp_path, monkeypatch, 9, name)
    engine = WorkerEngine(EngineConfig(model="m", path="nowhere"))
    with pytest.raises(ModelLoadFailed, match=f"killed by SIG{name}, twice") as caught:
        engine.load(no_progress)
    assert advice in str(caught.value)
    assert len(list(tmp_path.glob("death-*"))) == 2
