"""Many requests in one batch: each gets what it would get alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.errors import InvalidRequest
from inference.errors import ContextOverflow, GenerationFailed
from inference.mlx_worker.batch import BatchEngine
from inference.mlx_worker.model import LoadedModel
from inference.types import PromptMessage, Sampling
from tests.inference.mlx_worker.fixtures import (
    GREEDY,
    ask,
    assert_same_or_tie,
    collect,
    continue_,
    engine_make,
    run,
    submit,
    with_ids,
)

pytestmark = pytest.mark.model

QUESTIONS = (
    "What is the capital of France?",
    "Tell me a story about a fox.",
    "Count from one to ten.",
    "Why is the sky blue?",
    "Write a haiku about rain.",
    "What is a prime number? Answer in two sentences, please, and give three examples.",
    "Hello!",
    "Name three rivers of Europe.",
)


def test_the_embedded_model_knows_the_capital_of_france(engine: BatchEngine) -> None:
    (answer,) = run(engine, ask("What is the capital of France?"))
    assert "Paris" in answer.text
    assert answer.finish_reason == "stop"
    assert "<|im_end|>" not in answer.text
    assert answer.usage.prompt_tokens == 37
    assert answer.usage.completion_tokens > 5
    assert 0 < answer.usage.prefill_seconds <= answer.usage.first_token_seconds


def test_the_prompt_is_given_once_and_first_where_it_is_asked_for(engine: BatchEngine) -> None:
    plain, told = run(engine, ask("Hello!"), replace(ask("Hello!"), echo_prompt=True))
    assert [delta for delta in plain.deltas if delta.prompt] == []
    assert told.deltas[0].prompt.startswith("<|im_start|>system\n")
    assert told.deltas[0].prompt.endswith("user\nHello!<|im_end|>\n<|im_start|>assistant\n")
    assert [delta for delta in told.deltas[1:] if delta.prompt] == []
    assert told.text == plain.text


def test_eight_streams_say_what_each_says_alone_though_one_is_cancelled(
    engine: BatchEngine,
) -> None:
    requests = [ask(question, top_logprobs=2, max_tokens=16) for question in QUESTIONS]
    alone = [run(engine, request)[0] for request in requests]

    together = with_ids(requests)
    answers = submit(engine, together)
    victim = together[1].id
    while not answers[victim].text:
        collect(engine, answers)
    engine.cancel(victim)
    while engine.has_work:
        collect(engine, answers)

    assert answers[victim].finish_reason == "cancelled"
    for index, request in enumerate(together):
        if request.id != victim:
            assert_same_or_tie(alone[index], answers[request.id])
            assert answers[request.id].finish_reason == alone[index].finish_reason


def test_a_cancelled_request_leaves_the_batch_with_the_next_step(engine: BatchEngine) -> None:
    request = ask("Tell me a very long story.", max_tokens=500)
    answers = submit(engine, [request])
    while not answers[request.id].text:
        collect(engine, answers)
    engine.cancel(request.id)
    assert engine.active == 0
    collect(engine, answers)
    assert answers[request.id].finish_reason == "cancelled"
    assert 0 < answers[request.id].usage.completion_tokens < 10
    assert not engine.has_work


def test_a_waiting_request_can_be_cancelled_too(loaded: LoadedModel) -> None:
    engine = engine_make(loaded, max_batch=1)
    first, second = ask("Hello!", max_tokens=3), ask("Hello again!", max_tokens=3)
    answers = submit(engine, [first, second])
    collect(engine, answers)
    engine.cancel(second.id)
    while engine.has_work:
        collect(engine, answers)
    assert answers[first.id].finish_reason in ("stop", "length")
    assert answers[second.id].finish_reason == "cancelled"
    assert answers[second.id].usage.completion_tokens == 0


def test_cancelling_what_has_ended_does_nothing(engine: BatchEngine) -> None:
    engine.cancel("unknown")
    assert not engine.has_work


def test_a_seed_gives_the_same_text_alone_and_in_a_batch(engine: BatchEngine) -> None:
    sampling = Sampling(temperature=0.9, top_p=0.95, seed=7)
    seeded = ask("Tell me a story about a fox.", sampling=sampling)
    (alone,) = run(engine, seeded)
    company = [
        ask(question, sampling=Sampling(temperature=1.2, seed=index), max_tokens=12)
        for index, question in enumerate(QUESTIONS)
    ]
    again = replace(seeded, id="again")
    *_, in_batch = run(engine, *company, again)
    other = replace(seeded, id="other", sampling=replace(sampling, seed=8))
    (different,) = run(engine, other)
    assert in_batch.text == alone.text
    assert different.text != alone.text


def test_without_a_seed_answers_differ(engine: BatchEngine) -> None:
    sampling = Sampling(temperature=1.0)
    first, second = run(
        engine,
        ask("Tell me a story about a fox.", sampling=sampling),
        ask("Tell me a story about a fox.", sampling=sampling),
    )
    assert first.text != second.text


def test_a_long_prompt_in_chunks_gives_the_same_answer(loaded: LoadedModel) -> None:
    facts = " ".join(f"Item {index} costs {index * 3} coins." for index in range(40))
    request = ask(f"{facts} Summarise.", max_tokens=8, top_logprobs=2)
    (whole,) = run(engine_make(loaded, options={"interactive_stall_ms": 600_000}), request)
    tiny = engine_make(loaded, options={"interactive_stall_ms": 1})
    answers = submit(tiny, [replace(request, id="chunked")])
    steps = 0
    while tiny.has_work:
        collect(tiny, answers)
        steps += 1
    assert steps > 8  # so it was chunked
    assert_same_or_tie(whole, answers["chunked"])


def test_a_running_stream_goes_on_while_a_long_prompt_is_computed(loaded: LoadedModel) -> None:
    engine = engine_make(loaded, options={"interactive_stall_ms": 50})
    stream = ask("Tell me a very long story.", max_tokens=400)
    answers = submit(engine, [stream])
    while not answers[stream.id].text:
        collect(engine, answers)
    before = len(answers[stream.id].deltas)
    late = continue_("word " * 250, max_tokens=1)
    answers |= submit(engine, [late])
    while not answers[late.id].deltas:
        collect(engine, answers)
    assert len(answers[stream.id].deltas) - before >= 3
    engine.cancel(stream.id)


def test_a_prompt_past_the_context_is_refused_with_both_numbers(engine: BatchEngine) -> None:
    (answer,) = run(engine, continue_("word " * 9000))
    assert isinstance(answer.error, ContextOverflow)
    assert answer.error.details["context_length"] == 8192
    assert answer.error.details["prompt_tokens"] > 8192


def test_max_tokens_is_kept_and_capped_by_what_the_context_has_left(loaded: LoadedModel) -> None:
    description = replace(loaded.description, context_length=48)
    engine = engine_make(replace(loaded, description=description))
    long = ask("Tell me a very long story.", max_tokens=128_000)
    three = ask("Tell me a very long story.", max_tokens=3)
    long_answer, three_answer = run(engine, long, three)
    usage = long_answer.usage
    assert long_answer.finish_reason == three_answer.finish_reason == "length"
    assert usage.prompt_tokens + usage.completion_tokens == 48
    assert three_answer.usage.completion_tokens == 3


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask("Hi", max_tokens=0), "max_tokens"),
        (ask("Hi", sampling=Sampling(top_p=7)), "top_p"),
        (ask("Hi", sampling=Sampling(temperature=float("nan"))), "temperature"),
        (ask("Hi", top_logprobs=-1), "top_logprobs"),
        (ask("Hi", tool_choice="required"), "tools"),
        (continue_(""), None),
    ],
)
def test_absurd_requests_are_refused_by_field(
    engine: BatchEngine, request_: object, field: str | None
) -> None:
    (answer,) = run(engine, request_)  # type: ignore[arg-type]
    if field is None:  # a model with a start token can begin from nothing
        assert answer.error is None
    else:
        assert isinstance(answer.error, InvalidRequest)
        assert answer.error.details["field"] == field


def test_an_exception_costs_its_own_request_alone(engine: BatchEngine) -> None:
    good, bad = ask("What is the capital of France?"), ask("Tell me a story.")
    answers = submit(engine, [good, bad])
    broken = next(s for s in engine._queue if s.request.id == bad.id)

    def explode(tokens: object, logits: object) -> object:
        raise RuntimeError("boom")

    broken.processors.append(explode)  # type: ignore[arg-type]
    while engine.has_work:
        collect(engine, answers)
    assert "Paris" in answers[good.id].text
    assert isinstance(answers[bad.id].error, GenerationFailed)
    assert "boom" in str(answers[bad.id].error)


def test_a_batch_that_breaks_is_replaced(
    engine: BatchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> object:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine._generator, "next", explode)
    (lost,) = run(engine, ask("Hello!"))
    assert isinstance(lost.error, GenerationFailed)
    (answer,) = run(engine, ask("What is the capital of France?"))
    assert "Paris" in answer.text


def test_logprobs_tell_the_likeliest_tokens(engine: BatchEngine) -> None:
    chosen, with_top = run(
        engine,
        continue_("The capital of France is", max_tokens=2, top_logprobs=0),
        continue_("The capital of France is", max_tokens=2, top_logprobs=3),
    )
    assert chosen.text.startswith(" Paris")
    assert chosen.logprobs[0].token == " Paris"
    assert chosen.logprobs[0].top == ()
    entry = with_top.logprobs[0]
    assert entry.top[0] == (" Paris", entry.logprob)
    assert len(entry.top) == 3
    assert 0 >= entry.top[0][1] > entry.top[1][1] > entry.top[2][1]


def test_an_assistant_message_at_the_end_is_continued(engine: BatchEngine) -> None:
    begun = (
        PromptMessage("user", "What is the capital of France?"),
        PromptMessage("assistant", "The capital of France"),
    )
    (answer,) = run(engine, replace(ask(""), messages=begun))
    assert answer.text.startswith(" is")
    assert "Paris" in answer.text


def test_penalties_discourage_repetition(engine: BatchEngine) -> None:
    prompt = "A list:\n- red\n- red\n- red\n- red\n-"
    plain, penalised = run(
        engine,
        continue_(prompt, max_tokens=12),
        continue_(
            prompt,
            max_tokens=12,
            sampling=replace(GREEDY, frequency_penalty=2.0, presence_penalty=2.0),
        ),
    )
    assert plain.text.count(" red") >= 4
    assert penalised.text.count(" red") <= 1


def test_a_prompts_likelihoods_are_those_with_which_it_would_be_written(
    engine: BatchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The capital of France is Paris"
    whole = continue_(text, prompt_logprobs=True, top_logprobs=2, max_tokens=0)
    told, drawn = run(
        engine, whole, continue_("The capital of France is", max_tokens=1, top_logprobs=2)
    )
    entries = told.deltas[0].prompt_logprobs
    assert "".join(entry.token for entry in entries) == text
    assert entries[0].logprob is None
    assert entries[-1].token == drawn.logprobs[0].token
    assert entries[-1].logprob == pytest.approx(drawn.logprobs[0].logprob, abs=0.01)
    assert (told.text, told.finish_reason, told.usage.completion_tokens) == ("", "length", 0)
    monkeypatch.setattr("inference.mlx_worker.prompt_logprobs.CHUNK", 2)
    (again,) = run(engine, replace(whole, id="again"))
    for one, other in zip(entries[1:], again.deltas[0].prompt_logprobs[1:], strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=0.01)
    monkeypatch.setattr("inference.mlx_worker.prompt_logprobs.MOST_TOKENS", 3)
    (refused,) = run(engine, replace(whole, id="refused"))
    assert isinstance(refused.error, InvalidRequest)
    assert refused.deltas == []


def test_a_prompts_likelihoods_come_before_its_answer(engine: BatchEngine) -> None:
    (answer,) = run(engine, continue_("One, two,", prompt_logprobs=True, max_tokens=3))
    assert answer.deltas[0].prompt_logprobs
    assert not any(delta.prompt_logprobs for delta in answer.deltas[1:])
    assert answer.text
