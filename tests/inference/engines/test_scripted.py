"""The test engine itself: what other tests rely on."""

import threading

import pytest

from common.bridge import iterate
from inference import services
from inference.errors import GenerationFailed, WorkerLost
from inference.types import GenerationRequest, PromptMessage, WrittenCall
from tests.scripted import MODEL, ScriptedEngine

ASK = (PromptMessage("user", "Hello"),)


def test_a_reply_streams_word_by_word(scripted: ScriptedEngine) -> None:
    scripted.reply("Hello there you", thinking="Hm well")
    with services.generate(GenerationRequest(messages=ASK)) as generation:
        deltas = list(generation)
    assert [delta.text for delta in deltas if delta.text] == ["Hello ", "there ", "you"]
    assert "".join(delta.thinking for delta in deltas) == "Hm well"
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None
    assert generation.model == MODEL
    assert scripted.requests[0].messages == ASK


def test_tool_calls_finish_as_tool_calls(scripted: ScriptedEngine) -> None:
    scripted.reply(tool_calls=(WrittenCall("c1", "calculator", "{}"),))
    completion = services.complete(GenerationRequest(messages=ASK))
    assert completion.finish_reason == "tool_calls"
    assert completion.tool_calls[0].name == "calculator"


def test_an_error_comes_after_the_text(scripted: ScriptedEngine) -> None:
    scripted.reply("half", error=WorkerLost("gone"))
    with services.generate(GenerationRequest(messages=ASK)) as generation:
        assert next(generation).text == "half"
        with pytest.raises(WorkerLost):
            next(generation)


def test_an_exhausted_script_fails(scripted: ScriptedEngine) -> None:
    with pytest.raises(GenerationFailed):
        services.generate(GenerationRequest(messages=ASK))


def test_cancel_finishes_as_cancelled(scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("one two three", gate=gate, gate_at=1)
    with services.generate(GenerationRequest(messages=ASK)) as generation:
        assert next(generation).text == "one "
        threading.Timer(0.05, generation.cancel).start()
        assert next(generation).finish_reason == "cancelled"
    assert scripted.cancelled == [generation.request_id]


def test_close_from_another_thread_ends_the_stream(scripted: ScriptedEngine) -> None:
    scripted.reply("one two", gate=threading.Event(), gate_at=1)
    generation = services.generate(GenerationRequest(messages=ASK))
    assert next(generation).text == "one "
    threading.Timer(0.05, generation.close).start()
    assert list(generation) == []
    assert scripted.cancelled == [generation.request_id]


@pytest.mark.django_db(transaction=True)
async def test_the_bridge_cancels_a_held_stream(scripted: ScriptedEngine) -> None:
    scripted.reply("one two", gate=threading.Event(), gate_at=1)
    items = iterate(lambda: services.generate(GenerationRequest(messages=ASK)))
    assert (await anext(items)).text == "one "
    await items.aclose()
    for _ in range(200):
        if scripted.cancelled:
            break
        threading.Event().wait(0.01)
    assert scripted.cancelled
