"""What was in a process when it died runs alone, and after two deaths no more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from common.errors import InvalidRequest
from common.types import JSON
from inference.engines.base import EngineConfig
from inference.engines.worker import engine as module
from inference.engines.worker import suspects
from inference.engines.worker.engine import CRASHES, WorkerAnswer, WorkerEngine
from inference.engines.worker.process import End
from inference.engines.worker.suspects import Suspects
from inference.errors import WorkerLost
from inference.types import (
    Delta,
    GenerationRequest,
    ModelDescription,
    Sampling,
    Usage,
    encode,
    encode_delta,
)
from tests.inference.conftest import no_progress
from tests.waiting import eventually


class Process:
    """A process that a test plays: it loads at once, and answers and dies as it is told."""

    all: list[Process] = []

    def __init__(self, on_message: Callable[[JSON], None], on_end: Any, **_: object) -> None:
        self.on_message, self.on_end = on_message, on_end
        self.pid = len(self.all)
        self.asked: list[str] = []
        self.all.append(self)

    def send(self, message: JSON) -> None:
        if message["op"] == "load":
            description = encode(ModelDescription(context_length=10))
            beat = {"op": "beat", "active": 0, "memory": 1, "steps": 0}
            self.on_message({"op": "loaded", "description": description})
            self.on_message(beat)
        elif message["op"] == "generate":
            self.asked.append(message["request"]["id"])

    def give(self, name: str, delta: Delta) -> None:
        self.on_message({"op": "deltas", "deltas": [[name, encode_delta(delta)]]})

    def finish(self, name: str) -> None:
        self.give(name, Delta(text="done", finish_reason="stop", usage=Usage()))

    def die(self) -> None:
        count = len(self.all)
        self.on_end(End("its process was killed by SIGSEGV", "SIGSEGV"))
        eventually(lambda: len(self.all) > count)

    def stop(self) -> None:
        pass

    kill = stop


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerEngine]:
    monkeypatch.setattr(module, "WorkerProcess", Process)
    monkeypatch.setattr(Process, "all", [])
    made = WorkerEngine(EngineConfig(model="m", max_batch=8))
    made.load(no_progress)
    yield made
    made.unload()


def ask(name: str, text: str = "", **fields: Any) -> GenerationRequest:
    return GenerationRequest(id=name, prompt=text or name, **fields)


def newest(asked: int = 0) -> Process:
    """The process that there is now, once it was asked so many things."""
    eventually(lambda: len(Process.all[-1].asked) >= asked)
    return Process.all[-1]


def read(answer: WorkerAnswer) -> str:
    return "".join(delta.text for delta in answer)


def test_whoever_was_there_is_asked_again_one_by_one(engine: WorkerEngine) -> None:
    answers = [engine.stream(ask(name)) for name in ("a", "b", "c")]
    assert newest().asked == ["a", "b", "c"]
    newest().die()
    later = engine.stream(ask("d"))
    process = newest(1)
    for name in ("a", "b", "c"):
        assert process.asked[-1] == name
        process.finish(name)
    assert process.asked == ["a", "b", "c", "d"]
    process.finish("d")
    assert {read(answer) for answer in (*answers, later)} == {"done"}


def test_the_one_that_kills_again_is_refused_and_the_others_are_answered(
    engine: WorkerEngine,
) -> None:
    bad, good = engine.stream(ask("bad")), engine.stream(ask("good"))
    newest().die()
    newest(1).die()
    with pytest.raises(InvalidRequest, match="died 2 times"):
        read(bad)
    assert newest(1).asked == ["good"]
    newest().finish("good")
    assert read(good) == "done"
    # It is the request, not the model: the model is not given up for it.
    assert len(engine._crashes) == 1 < CRASHES


def test_the_same_again_is_suspected_whoever_sends_it(engine: WorkerEngine) -> None:
    first = engine.stream(ask("one", "the same"))
    newest().give("one", Delta(text="begun"))
    newest().die()
    with pytest.raises(WorkerLost):
        read(first)
    innocent = engine.stream(ask("innocent"))
    again = replace(ask("two", "the same", owner="x"), sampling=Sampling(seed=3))
    suspect = engine.stream(again)
    assert newest(1).asked == ["innocent"]
    newest().finish("innocent")
    assert read(innocent) == "done"
    assert newest().asked == ["innocent", "two"]
    newest().die()
    with pytest.raises(InvalidRequest):
        read(suspect)
    with pytest.raises(InvalidRequest):
        engine.stream(ask("three", "the same"))
    assert engine.stream(ask("four", "another"))


def test_choices_of_one_request_die_once_together_and_once_alone(engine: WorkerEngine) -> None:
    answers = [
        engine.stream(replace(ask(str(n), "bad"), sampling=Sampling(seed=n))) for n in range(4)
    ]
    newest().die()
    newest(1).die()
    for answer in answers:
        with pytest.raises(InvalidRequest):
            read(answer)
    assert len(Process.all) == 3


def test_an_answer_clears_its_request(engine: WorkerEngine) -> None:
    answer = engine.stream(ask("a"))
    newest().die()
    newest(1).finish("a")
    assert read(answer) == "done"
    both = [engine.stream(ask("a")), engine.stream(ask("b"))]
    assert newest().asked == ["a", "a", "b"]
    for stream in both:
        stream.close()


def test_one_that_is_to_be_alone_can_be_cancelled_and_lets_the_others_in(
    engine: WorkerEngine,
) -> None:
    engine.stream(ask("a"))
    newest().die()
    newest(1)
    waiting = engine.stream(ask("b"))
    engine.abandon(engine._turns.running[0])
    eventually(lambda: newest().asked == ["a", "b"])
    waiting.close()


def test_what_happened_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Suspects()
    known.note([ask("a")])
    known.note([ask("a")])
    assert known.deaths(ask("a")) == 2
    monkeypatch.setattr(suspects, "FORGOTTEN", 0.0)
    assert known.deaths(ask("a")) == 0


def test_no_more_is_kept_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "KEPT", 3)
    known = Suspects()
    known.note([ask(str(number)) for number in range(9)])
    assert len(known._deaths) == 3


def test_twenty_deaths_with_company_never_mix_suspects(engine: WorkerEngine) -> None:
    """Whatever dies and whoever comes: a suspect shares no process with anybody."""
    seen: set[str] = set()
    for turn in range(20):
        engine._crashes.clear()
        for name in (f"{turn}-a", f"{turn}-b"):
            threading.Thread(target=engine.stream, args=(ask(name),)).start()
        eventually(lambda turn=turn: engine._turns.queued + len(engine._turns.running) >= 2)
        running = [answer.request.id for answer in engine._turns.running]
        assert len(running) == 1 or not seen & set(running)
        seen |= set(running)
        newest().die()
        eventually(lambda: engine._loaded.done())
