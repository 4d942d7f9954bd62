"""Jump-forward: tokens that a grammar forces are not decoded, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.mlx_worker.batch import BatchEngine
from inference.mlx_worker.model import LoadedModel
from inference.mlx_worker.sequence import Sequence
from inference.types import Constraint, GenerationRequest, Sampling, ToolSpec
from tests.inference.mlx_worker.fixtures import (
    Answer,
    ask,
    assert_same_or_tie,
    collect,
    engine_make,
    run,
    submit,
)

pytestmark = pytest.mark.model

WEATHER = ToolSpec(
    "get_weather",
    "The weather of a city",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "unit"],
    },
)
STEP = Constraint(
    "lark", 'start: "Thought: " /[^\\n]{1,40}/ "\\nAction: finish\\nAction Input: {}"'
)

FREE = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "Count from one to ten.",
    "Hello!",
    "Name three rivers of Europe.",
    "What is a prime number?",
)


def weather(city: str, **fields: object) -> GenerationRequest:
    return ask(
        f"What is the weather in {city}?",
        **{"tools": (WEATHER,), "tool_choice": "required", "max_tokens": 60, **fields},
    )


def without_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token is decoded, as it would be where the grammar leaves a choice."""
    monkeypatch.setattr("inference.mlx_worker.batch.LEAST_JUMP", 1 << 30)
    take = Sequence.take_forced
    monkeypatch.setattr(
        Sequence, "take_forced", lambda self, end, least: take(self, end, least=1 << 30)
    )


def steps_of(engine: BatchEngine, request: GenerationRequest) -> tuple[Answer, int]:
    """The answer, and how many decode steps it took."""
    answers = submit(engine, [request])
    before = engine._generator._counters.generation_steps
    while engine.has_work:
        collect(engine, answers)
    return answers[request.id], engine._generator._counters.generation_steps - before


def test_forced_tokens_cost_no_decode_step(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = weather("Paris", top_logprobs=2)
    jumped, jumped_steps = steps_of(engine_make(loaded), request)
    without_jumps(monkeypatch)
    decoded, decoded_steps = steps_of(engine_make(loaded), replace(request, id="again"))
    assert jumped.calls[0].arguments == decoded.calls[0].arguments
    assert_same_or_tie(jumped, decoded)
    assert decoded.usage.forced_tokens == 0
    assert decoded_steps == decoded.usage.completion_tokens
    assert jumped.usage.completion_tokens == decoded.usage.completion_tokens
    assert jumped.usage.forced_tokens >= 12
    assert jumped_steps == jumped.usage.completion_tokens - jumped.usage.forced_tokens


def test_what_is_forced_from_the_start_is_computed_with_the_prompt(engine: BatchEngine) -> None:
    request = ask("Hello!", constraint=Constraint("choice", ["Good morning, my dear friend"]))
    answer, steps = steps_of(engine, request)
    assert answer.text == "Good morning, my dear friend"
    assert answer.finish_reason == "stop"
    assert steps <= 2  # the last token and the end, if at all
    assert answer.usage.cached_tokens <= answer.usage.prompt_tokens


def test_sixteen_at_once_with_cache_and_jumps_say_what_each_says_alone(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = [weather(city, top_logprobs=2) for city in ("Paris", "Oslo", "Rome", "Lima", "Cairo")]
    stepped = [
        ask(f"Tell me of {city}.", constraint=STEP, top_logprobs=2, max_tokens=40)
        for city in ("Paris", "Oslo", "Rome", "Lima", "Cairo")
    ]
    free = [ask(question, top_logprobs=2, max_tokens=8) for question in FREE]
    together = engine_make(loaded, options={"prompt_cache_bytes": 1 << 28})
    samples = [called[1], stepped[2], free[0], free[5]]
    run(together, *(replace(sample, id=f"{sample.id}-first", max_tokens=1) for sample in samples))
    requests = called + stepped + free
    answers = dict(zip((r.id for r in requests), run(together, *requests), strict=True))
    without_jumps(monkeypatch)
    alone_engine = engine_make(loaded)
    for sample in samples:
        answer = answers[sample.id]
        (alone,) = run(alone_engine, replace(sample, id=f"{sample.id}-alone"))
        assert answer.usage.cached_tokens > 0
        assert alone.usage.cached_tokens == alone.usage.forced_tokens == 0
        assert (answer.usage.forced_tokens > 0) == (sample not in free)
        assert_same_or_tie(alone, answer)


def test_a_seed_draws_the_same_with_company_that_jumps(engine: BatchEngine) -> None:
    seeded = weather("Oslo", sampling=Sampling(temperature=1.2, seed=11))
    (alone,) = run(engine, seeded)
    company = [weather(city, sampling=Sampling(temperature=1.0)) for city in ("Rome", "Lima")]
    *_, beside = run(engine, *company, replace(seeded, id="again"))
    assert beside.text == alone.text
    assert [call.arguments for call in beside.calls] == [call.arguments for call in alone.calls]


@pytest.mark.parametrize("most", [1, 2, 5, 9, 14])
def test_max_tokens_holds_within_forced_tokens(engine: BatchEngine, most: int) -> None:
    (answer,) = run(engine, weather("Paris", max_tokens=most))
    assert answer.usage.completion_tokens == most
    assert answer.finish_reason == "length"
    assert '{"name": "get_weather", "arguments"'.startswith(answer.text[:30])
    assert answer.text


def test_a_stop_string_within_forced_tokens_ends_the_answer(engine: BatchEngine) -> None:
    (answer,) = run(engine, ask("Tell me of Rome.", constraint=STEP, stop=("Action Input",)))
    assert answer.finish_reason in ("stop", "length")
    (at_once,) = run(
        engine, ask("Hi", constraint=Constraint("choice", ["Good day to you all"]), stop=("day",))
    )
    assert (at_once.text, at_once.finish_reason) == ("Good ", "stop")
    assert not engine.has_work


def test_cancelling_between_the_jump_and_its_tokens(engine: BatchEngine) -> None:
    victim = ask("Tell me of Rome.", constraint=STEP, max_tokens=200)
    other = ask("What is the capital of France?")
    answers = submit(engine, [victim, other])
    while "Action" not in answers[victim.id].text:
        collect(engine, answers)
    engine.cancel(victim.id)
    while engine.has_work:
        collect(engine, answers)
    assert answers[victim.id].finish_reason in ("cancelled", "stop")
    assert "Paris" in answers[other.id].text
