"""An answer that runs in a circle, or out of time, is ended, by whatever engine it is written."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from common.errors import TimeUp
from inference import services
from inference.engines.base import Engine
from inference.errors import GenerationFailed
from inference.loaded.registry import Registry
from inference.loaded.slots import Slot
from inference.types import (
    Constraint,
    Delta,
    GenerationRequest,
    PromptMessage,
    Sampling,
    Usage,
    decode_delta,
    encode_delta,
)
from tests.scripted import ScriptedEngine
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

CIRCLE = "The sea is calm tonight. " * 200
WORDS = len(CIRCLE.split())


def ask(*, guard: bool = True, constraint: Constraint | None = None) -> GenerationRequest:
    return GenerationRequest(
        messages=(PromptMessage("user", "Write about the sea"),),
        sampling=Sampling(repetition_guard=guard),
        constraint=constraint,
    )


@pytest.mark.parametrize("constraint", [None, Constraint("json_object")], ids=["free", "grammar"])
def test_a_circle_is_ended(scripted: ScriptedEngine, constraint: Constraint | None) -> None:
    scripted.reply(CIRCLE)
    request = ask(constraint=constraint)
    answer = services.complete(request)
    assert answer.finish_reason == "stop"
    assert answer.usage.stopped_by == "repetition"
    assert answer.usage.prompt_tokens == 10
    assert answer.usage.completion_tokens < 200
    assert answer.text
    assert CIRCLE.startswith(answer.text)
    assert scripted.cancelled == [request.id]
    assert scripted.streams == {}


def test_so_is_a_circle_of_thoughts(scripted: ScriptedEngine) -> None:
    scripted.reply("The answer is 4.", thinking=CIRCLE)
    answer = services.complete(ask())
    assert answer.usage.stopped_by == "repetition"
    assert answer.thinking
    assert answer.text == ""


def test_what_an_engine_still_writes_after_it_is_not_given_out(scripted: ScriptedEngine) -> None:
    """Another engine may take a while until it hears of the end, or come to its own before."""
    scripted.reply(CIRCLE, finish_reason="length")
    scripted.cancel = lambda request_id: None  # type: ignore[method-assign]
    answer = services.complete(ask())
    assert answer.finish_reason == "stop"
    assert answer.usage.stopped_by == "repetition"
    assert answer.usage.completion_tokens == WORDS  # as the engine counts
    assert len(answer.text) < len(CIRCLE) / 2


def test_without_the_guard_it_goes_on(scripted: ScriptedEngine) -> None:
    scripted.reply(CIRCLE)
    answer = services.complete(ask(guard=False))
    assert answer.text == CIRCLE
    assert answer.usage.stopped_by == ""
    assert scripted.cancelled == []


def test_an_answer_that_ends_as_it_begins_to_repeat_itself_has_ended_by_itself(
    scripted: ScriptedEngine,
) -> None:
    scripted.reply("Yes. " * 20)
    assert services.complete(ask()).usage.stopped_by == ""


def test_an_error_after_it_is_told(scripted: ScriptedEngine) -> None:
    scripted.reply(CIRCLE, error=GenerationFailed("It broke."))
    scripted.cancel = lambda request_id: None  # type: ignore[method-assign]
    with pytest.raises(GenerationFailed):
        services.complete(ask())


def test_the_model_is_let_go(scripted: ScriptedEngine, owner: User) -> None:
    scripted.reply(CIRCLE)
    services.complete(ask())
    unloaded = threading.Thread(target=lambda: services.model_unload(name=scripted.config.model))
    unloaded.start()
    unloaded.join(5)
    assert not unloaded.is_alive()


def test_it_crosses_the_border_of_a_process() -> None:
    usage = Usage(completion_tokens=3, stopped_by="repetition")
    delta = Delta(finish_reason="stop", usage=usage)
    assert decode_delta(encode_delta(delta)) == delta


# --- Time ----------------------------------------------------------------------------------------

LIMIT, LEEWAY = 0.3, 5.0  # seconds; without a limit these answers would never end


def timed(request: GenerationRequest) -> tuple[float, list[Delta]]:
    begun = time.monotonic()
    with services.generate(replace(request, seconds=LIMIT)) as generation:
        deltas = list(generation)
    return time.monotonic() - begun, deltas


def test_an_answer_whose_time_is_up_is_ended_and_says_so(scripted: ScriptedEngine) -> None:
    scripted.reply("one two three", gate=threading.Event(), gate_at=2)
    seconds, deltas = timed(ask())
    assert LIMIT <= seconds < LIMIT + LEEWAY
    assert "".join(delta.text for delta in deltas) == "one two "
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None
    assert (deltas[-1].usage.stopped_by, deltas[-1].usage.completion_tokens) == ("time", 2)


def test_so_is_one_that_has_not_begun(scripted: ScriptedEngine) -> None:
    """Its prompt is read, or it waits for its turn."""
    scripted.reply("never", gate=threading.Event())
    seconds, deltas = timed(ask())
    assert seconds < LIMIT + LEEWAY
    (last,) = deltas
    assert (last.finish_reason, last.text) == ("stop", "")
    assert last.usage == Usage(prompt_tokens=10, stopped_by="time")


def test_an_engine_that_does_not_end_it_is_not_waited_for(scripted: ScriptedEngine) -> None:
    scripted.reply("one two", gate=threading.Event(), gate_at=1)
    scripted.cancel = lambda request_id: None  # type: ignore[method-assign]
    seconds, deltas = timed(ask())
    assert seconds < LIMIT + LEEWAY
    assert deltas[0].text == "one "
    assert deltas[-1] == Delta(finish_reason="stop", usage=Usage(stopped_by="time"))
    assert not scripted.streams


def test_an_answer_in_time_knows_nothing_of_its_limit(scripted: ScriptedEngine) -> None:
    scripted.reply("one two")
    answer = services.complete(replace(ask(), seconds=60.0))
    assert (answer.text, answer.finish_reason, answer.usage.stopped_by) == ("one two", "stop", "")
    clocks = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    eventually(lambda: not any(clock.is_alive() for clock in clocks))


def test_the_load_of_a_model_counts(
    scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    never: Future[Engine] = Future()
    monkeypatch.setattr(Registry, "_enter", lambda self, row: Slot(row.name, ready=never, active=1))
    with pytest.raises(TimeUp):
        services.generate(replace(ask(), seconds=LIMIT))
