"""An answer that runs in a circle is ended, by whatever engine it is written."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User

from inference import services
from inference.errors import GenerationFailed
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
