"""What every engine keeps, tried on each of them: MLX, llama.cpp, and another server over HTTP."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from tokenizers import Tokenizer

from common.errors import InvalidRequest
from inference.engines.base import Engine, EngineConfig
from inference.engines.remote.engine import RemoteEngine
from inference.engines.worker.engine import WorkerEngine
from inference.errors import ContextOverflow, WorkerLost
from inference.library import embedded
from inference.types import (
    AGENT,
    BATCH,
    Constraint,
    Delta,
    GenerationRequest,
    PromptMessage,
    Sampling,
    ToolSpec,
    Usage,
    WrittenCall,
)
from tests.inference.conftest import kill, no_progress
from tests.inference.engines.test_worker import is_alive
from tests.prompts import LONG
from tests.waiting import eventually

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)
WILD = Sampling(temperature=1, seed=1)
LOCAL = ("mlx", "llamacpp")
FRUIT = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "ripe": {"type": "boolean"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["name", "ripe", "count"],
}
ADD = ToolSpec(
    "add",
    "Adds two numbers.",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)
UPPER = ToolSpec(
    "upper",
    "Turns a text into capitals.",
    {
        "type": "object",
        "properties": {"text": {"type": "string", "maxLength": 20}},
        "required": ["text"],
    },
)


def engine_make(kind: str, request: pytest.FixtureRequest, **options: object) -> Engine:
    """An engine of that kind with the embedded model, loaded."""
    if kind == "remote":
        server = request.getfixturevalue("cortex_server")
        config = EngineConfig(
            model="m",
            engine="openai",
            base_url=f"{server.url}/v1",
            remote_name=embedded.MODEL,
            **options,
        )
        engine: Engine = RemoteEngine(config)
    elif kind == "mlx":
        folder = request.getfixturevalue("embedded_folder")
        engine = WorkerEngine(EngineConfig(model="m", path=str(folder), **options))
    else:
        path = str(embedded.gguf_file())
        engine = WorkerEngine(EngineConfig(model="m", engine="llamacpp", path=path, **options))
    engine.load(no_progress)
    return engine


@pytest.fixture(scope="module", params=["mlx", "llamacpp", "remote"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = engine_make(request.param, request)
    yield made
    made.unload()


@pytest.fixture(scope="module", params=LOCAL)
def local(request: pytest.FixtureRequest) -> Iterator[WorkerEngine]:
    """An engine whose model runs in a process of ours."""
    made = engine_make(request.param, request)
    assert isinstance(made, WorkerEngine)
    yield made
    made.unload()


def ask(text: str, max_tokens: int = 60, **options: object) -> GenerationRequest:
    given = {"sampling": GREEDY} | options
    return GenerationRequest(
        messages=(PromptMessage("user", text),), max_tokens=max_tokens, **given
    )


def answer(engine: Engine, request: GenerationRequest) -> tuple[str, Delta]:
    deltas = list(engine.stream(request))
    return text_of(deltas), deltas[-1]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def usage_of(last: Delta) -> Usage:
    assert last.usage is not None
    return last.usage


def calls_of(deltas: list[Delta]) -> list[WrittenCall]:
    return [call for delta in deltas for call in delta.tool_calls]


# --- Text ----------------------------------------------------------------------------------------


def test_it_streams_and_counts(engine: Engine) -> None:
    deltas = list(engine.stream(ask(LONG, 40)))
    assert len([delta for delta in deltas if delta.text]) > 10
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    last = deltas[-1]
    assert last.finish_reason == "length"
    usage = usage_of(last)
    assert usage.completion_tokens == 40
    assert usage.prompt_tokens > 5
    assert usage.decode_seconds > 0
    assert usage.first_token_seconds >= usage.queue_seconds >= 0


def test_a_prompt_is_continued_and_its_space_kept(engine: Engine) -> None:
    request = GenerationRequest(prompt="The capital of France is", max_tokens=3, sampling=GREEDY)
    text, _ = answer(engine, request)
    assert text.startswith(" Paris")


def test_the_likeliest_answer_is_the_same_each_time(local: WorkerEngine) -> None:
    assert answer(local, ask("Name a colour."))[0] == answer(local, ask("Name a colour."))[0]


def test_a_seed_draws_the_same_answer_and_another_one_a_different(engine: Engine) -> None:
    def drawn(seed: int | None) -> str:
        wild = Sampling(temperature=1.0, top_p=1.0, seed=seed)
        return answer(engine, ask(LONG, 16, sampling=wild))[0]

    assert drawn(7) == drawn(7)
    assert len({drawn(7), drawn(8), drawn(2**40 + 7)}) == 3
    assert drawn(None) != drawn(None)


@pytest.mark.parametrize("sure", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}])
def test_what_leaves_one_token_is_as_good_as_greedy(engine: Engine, sure: dict[str, float]) -> None:
    request = ask(LONG, 12)
    drawn = replace(request, id="drawn", sampling=Sampling(temperature=1.5, **sure))  # type: ignore[arg-type]
    assert answer(engine, drawn)[0] == answer(engine, request)[0]


@pytest.mark.parametrize(
    "penalty", [{"repetition_penalty": 1.5}, {"presence_penalty": 2}, {"frequency_penalty": 2}]
)
def test_penalties_make_it_repeat_less(engine: Engine, penalty: dict[str, float]) -> None:
    prompt = "one two one two one two one two one two one two"
    plain = GenerationRequest(prompt=prompt, max_tokens=24, sampling=GREEDY)
    fresh = replace(plain, id="fresh", sampling=replace(GREEDY, **penalty))
    words = [len(set(answer(engine, request)[0].split())) for request in (plain, fresh)]
    assert words[1] > words[0]


def test_a_stop_text_ends_the_answer_and_is_left_out(engine: Engine) -> None:
    prompt = "1, 2, 3, 4, 5, 6,"
    request = GenerationRequest(prompt=prompt, max_tokens=60, sampling=GREEDY, stop=(" 9", "12"))
    text, last = answer(engine, request)
    assert last.finish_reason == "stop"
    assert "8" in text
    assert "9" not in text


def test_what_the_assistant_began_is_continued(local: WorkerEngine) -> None:
    messages = (
        PromptMessage("user", "Count."),
        PromptMessage("assistant", "one, two, three, four, five,"),
    )
    request = GenerationRequest(messages=messages, max_tokens=4, sampling=GREEDY)
    assert answer(local, request)[0].strip().startswith("six")


def test_whole_characters_only(local: WorkerEngine) -> None:
    text = "naïve café 🌲🌳 日本語"
    request = ask("Say it.", constraint=Constraint("choice", [text]))
    deltas = list(local.stream(request))
    assert text_of(deltas) == text
    assert all("\ufffd" not in delta.text for delta in deltas)


def test_the_prompt_is_told_as_it_was_sent(engine: Engine) -> None:
    first = next(iter(engine.stream(ask("Where is the fox?", 2, echo_prompt=True))))
    assert "Where is the fox?" in first.prompt


def test_likelihoods_are_told(engine: Engine) -> None:
    deltas = list(engine.stream(ask(LONG, 6, top_logprobs=3)))
    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert len(entries) == 6
    for entry in entries:
        assert entry.logprob <= 0
        assert len(entry.top) == 3
        values = [value for _, value in entry.top]
        assert values == sorted(values, reverse=True)
        assert entry.logprob == pytest.approx(values[0], abs=1e-3)  # greedy takes the likeliest
    deltas = list(engine.stream(ask(LONG, 2, top_logprobs=0)))
    assert [entry.top for delta in deltas for entry in delta.logprobs] == [(), ()]


@pytest.mark.parametrize("kind", LOCAL)
def test_what_came_with_the_model_holds(kind: str, request: pytest.FixtureRequest) -> None:
    came = {"system": "You are a fox.", "stop": [" 9"]}  # as an Ollama manifest has it
    engine = engine_make(kind, request, options=came)
    try:
        first = next(iter(engine.stream(ask("Who are you?", 2, echo_prompt=True))))
        assert "You are a fox." in first.prompt
        given = (PromptMessage("system", "Be brief."), PromptMessage("user", "Who?"))
        own = GenerationRequest(given, max_tokens=2, echo_prompt=True, sampling=GREEDY)
        assert "You are a fox." not in next(iter(engine.stream(own))).prompt
        count = GenerationRequest(prompt="1, 2, 3, 4, 5, 6,", max_tokens=60, sampling=GREEDY)
        text, last = answer(engine, count)
        assert last.finish_reason == "stop"
        assert "9" not in text
    finally:
        engine.unload()


# --- Forms ---------------------------------------------------------------------------------------


def test_an_answer_follows_its_schema(engine: Engine) -> None:
    wild = Sampling(temperature=1.2, seed=3)
    request = ask(
        "Describe a fruit.", 120, sampling=wild, constraint=Constraint("json_schema", FRUIT)
    )
    text, last = answer(engine, request)
    assert last.finish_reason == "stop"
    jsonschema.validate(json.loads(text), FRUIT)


def test_any_object_is_still_an_object(engine: Engine) -> None:
    request = ask("Give me a small JSON object.", 60, constraint=Constraint("json_object"))
    text, last = answer(engine, request)
    assert text.startswith("{")
    assert last.finish_reason == "length" or isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (Constraint("choice", ["red", "green", "dark blue"]), "red|green|dark blue"),
        (Constraint("regex", r"[a-f]{3}-[0-9]{2}"), r"[a-f]{3}-[0-9]{2}"),
        (Constraint("lark", 'start: "<" WORD ">"\nWORD: /[a-z]{2,5}/'), r"<[a-z]{2,5}>"),
    ],
)
def test_other_forms(local: WorkerEngine, constraint: Constraint, pattern: str) -> None:
    wild = Sampling(temperature=1.5, seed=5)
    text, last = answer(local, ask("Anything.", sampling=wild, constraint=constraint))
    assert re.fullmatch(pattern, text)
    assert last.finish_reason == "stop"


def test_a_form_that_cannot_be_is_refused(local: WorkerEngine) -> None:
    with pytest.raises(InvalidRequest):
        answer(local, ask("Hi", constraint=Constraint("lark", "start: nowhere")))
    assert answer(local, ask("Hi", 3))[1].finish_reason


# --- Tools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "names"), [("required", {"add", "upper"}), ("upper", {"upper"})]
)
def test_a_call_that_is_demanded_comes(engine: Engine, choice: str, names: set[str]) -> None:
    request = ask("Add 3 and 4, please.", 120, tools=(ADD, UPPER), tool_choice=choice)
    deltas = list(engine.stream(request))
    calls = calls_of(deltas)
    assert deltas[-1].finish_reason == "tool_calls"
    assert calls
    for call in calls:
        assert call.name in names
        schema = {tool.name: tool.parameters for tool in (ADD, UPPER)}[call.name]
        jsonschema.validate(json.loads(call.arguments), schema)


def test_one_call_when_several_are_not_wanted(local: WorkerEngine) -> None:
    request = ask(
        "Add 3 and 4, and 5 and 6.",
        120,
        tools=(ADD,),
        tool_choice="required",
        parallel_tool_calls=False,
    )
    assert len(calls_of(list(local.stream(request)))) == 1


def test_an_offered_call_is_read_and_text_may_come_instead(local: WorkerEngine) -> None:
    begun = PromptMessage("assistant", '<tool_call>{"name": "add", "arguments": {"a":')
    request = GenerationRequest(
        messages=(PromptMessage("user", "Add 3 and 4."), begun),
        tools=(ADD,),
        tool_choice="none",
        max_tokens=20,
        sampling=GREEDY,
    )
    assert not calls_of(list(local.stream(request)))
    deltas = list(local.stream(ask("Say hello.", 40, tools=(ADD,))))
    assert deltas[-1].finish_reason in ("stop", "length", "tool_calls")
    assert text_of(deltas) or calls_of(deltas)


def test_a_tool_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(Exception, match=r"nothing|tool_choice|400"):
        answer(engine, ask("Hi", tools=(ADD,), tool_choice="nothing"))


ODD = ToolSpec(
    "tag",
    "Tags something.",
    {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "price": {"type": "number", "multipleOf": 0.01},
            "secret": {"type": "string", "format": "password", "x-order": 1},
        },
        "not": {"required": ["price"]},
    },
)


def test_an_odd_tool_that_is_offered_refuses_nothing(local: WorkerEngine) -> None:
    deltas = list(local.stream(ask("hi", 8, tools=(ADD, ODD))))
    assert deltas[-1].finish_reason in ("stop", "length", "tool_calls")
    assert text_of(deltas) or calls_of(deltas)
    with pytest.raises(InvalidRequest) as caught:
        answer(local, ask("hi", 8, tools=(ADD, ODD), tool_choice="required"))
    assert str(caught.value.details["field"]).startswith("tools.1.parameters")
    assert calls_of(list(local.stream(ask("hi", 60, tools=(ADD, ODD), tool_choice="add"))))


NUMBERS = [
    {"enum": [-(2**63)]},
    {"type": "integer", "minimum": -(2**63), "maximum": -(2**63)},
    {"const": 2**53 + 1},
    {"const": 1e400},
]


@pytest.mark.parametrize("schema", NUMBERS)
def test_a_number_at_the_end_of_its_range_harms_nobody(
    local: WorkerEngine, schema: dict[str, object]
) -> None:
    running = local.stream(ask(LONG, 16))
    next(running)
    with pytest.raises(InvalidRequest, match=r"constraint\.value\."):
        answer(local, ask("One.", constraint=Constraint("json_schema", schema)))
    assert list(running)[-1].finish_reason == "length"


# --- Prompts and biases --------------------------------------------------------------------------


CAPITAL = "The capital of France is"


@pytest.fixture(scope="module")
def vocabulary(embedded_folder: Path) -> Tokenizer:
    """The one of the embedded model, whichever engine runs it."""
    return Tokenizer.from_file(str(embedded_folder / "tokenizer.json"))


def test_a_bias_forbids_and_forces(local: WorkerEngine, vocabulary: Tokenizer) -> None:
    prompt = GenerationRequest(prompt=CAPITAL, max_tokens=1, sampling=GREEDY)
    (paris,) = vocabulary.encode(" Paris", add_special_tokens=False).ids
    assert answer(local, prompt)[0] == " Paris"
    forbidden = replace(prompt, id="forbidden", logit_bias=((paris, -100.0),))
    assert answer(local, forbidden)[0] != " Paris"
    forced = replace(prompt, id="forced", prompt="One two", logit_bias=((paris, 100.0),))
    assert answer(local, forced)[0] == " Paris"
    with pytest.raises(InvalidRequest) as caught:
        answer(local, replace(prompt, id="none", logit_bias=((10**6, 1.0),)))
    assert caught.value.details["field"] == "logit_bias"


def test_a_prompt_of_tokens_is_the_prompt(local: WorkerEngine, vocabulary: Tokenizer) -> None:
    tokens = tuple(vocabulary.encode(CAPITAL, add_special_tokens=False).ids)
    request = GenerationRequest(
        prompt_tokens=tokens, max_tokens=2, sampling=GREEDY, echo_prompt=True
    )
    deltas = list(local.stream(request))
    assert deltas[0].prompt == CAPITAL
    assert text_of(deltas).startswith(" Paris")
    assert usage_of(deltas[-1]).prompt_tokens == len(tokens)
    with pytest.raises(InvalidRequest) as caught:
        answer(local, replace(request, id="none", prompt_tokens=(1, 10**6)))
    assert caught.value.details["field"] == "prompt"


def test_no_tokens_may_be_wanted(local: WorkerEngine) -> None:
    request = GenerationRequest(prompt=CAPITAL, max_tokens=0, sampling=GREEDY)
    text, last = answer(local, request)
    assert (text, last.finish_reason) == ("", "length")
    assert usage_of(last).prompt_tokens > 3
    assert usage_of(last).completion_tokens == 0


@pytest.mark.parametrize("text", [f"{CAPITAL} Paris", "Ein Märchen: 🌲🌳 日本語", "A"])
def test_a_prompts_likelihoods_are_told(local: WorkerEngine, text: str) -> None:
    request = GenerationRequest(
        prompt=text, max_tokens=0, top_logprobs=2, prompt_logprobs=True, sampling=GREEDY
    )
    deltas = list(local.stream(request))
    entries = [entry for delta in deltas for entry in delta.prompt_logprobs]
    assert (text_of(deltas), deltas[-1].finish_reason) == ("", "length")
    assert usage_of(deltas[-1]).prompt_tokens == len(entries)
    assert usage_of(deltas[-1]).completion_tokens == 0
    assert entries[0].logprob is None
    if text.startswith(CAPITAL):
        assert "".join(entry.token for entry in entries) == text
        likeliest = next(
            delta
            for delta in local.stream(
                GenerationRequest(prompt=CAPITAL, max_tokens=1, top_logprobs=2, sampling=GREEDY)
            )
            if delta.logprobs
        ).logprobs[0]
        assert entries[-1].token == likeliest.token
        assert entries[-1].logprob == pytest.approx(likeliest.logprob, abs=0.05)


def test_an_answer_follows_the_likelihoods_of_its_prompt(local: WorkerEngine) -> None:
    plain = GenerationRequest(prompt=CAPITAL, max_tokens=4, top_logprobs=1, sampling=GREEDY)
    deltas = list(local.stream(replace(plain, id="told", prompt_logprobs=True)))
    assert any(delta.prompt_logprobs for delta in deltas)
    assert text_of(deltas) == answer(local, plain)[0]
    assert len([entry for delta in deltas for entry in delta.logprobs]) == 4
    assert usage_of(deltas[-1]).completion_tokens == 4


def test_a_suffix_is_refused_by_a_model_that_knows_none(local: WorkerEngine) -> None:
    with pytest.raises(InvalidRequest) as caught:
        answer(local, GenerationRequest(prompt="def f(", suffix="): pass", max_tokens=2))
    assert caught.value.details["field"] == "suffix"


def test_gbnf_is_a_grammar_too(local: WorkerEngine) -> None:
    gbnf = 'root ::= word " " number\nword ::= [a-z]{2,4}\nnumber ::= [0-9]+ | "none"'
    text, last = answer(local, ask("Anything.", 60, constraint=Constraint("lark", gbnf)))
    assert re.fullmatch(r"[a-z]{2,4} ([0-9]+|none)", text) or last.finish_reason == "length"
    with pytest.raises(InvalidRequest):
        answer(local, ask("Hi", constraint=Constraint("lark", "root ::= nowhere")))


# --- Company -------------------------------------------------------------------------------------


def test_many_are_answered_at_once(engine: Engine) -> None:
    streams = [engine.stream(ask(f"{number}. {LONG}", 24)) for number in range(6)]
    firsts = [next(stream) for stream in streams]  # each has begun before any has ended
    assert all(first.finish_reason is None for first in firsts)
    for stream in streams:
        assert list(stream)[-1].finish_reason == "length"


def test_a_seed_and_a_form_hold_in_company(local: WorkerEngine) -> None:
    form = Constraint("regex", r"[a-z]{4}[0-9]{4}")
    requests = [
        ask(
            f"{n}", 30, sampling=Sampling(temperature=1, seed=n), constraint=form if n % 2 else None
        )
        for n in range(6)
    ]
    streams = [local.stream(request) for request in requests]
    texts = [text_of(list(stream)) for stream in streams]
    assert all(re.fullmatch(r"[a-z]{4}[0-9]{4}", text) for text in texts[1::2])


def test_cancelling_frees_the_place_at_once(engine: Engine) -> None:
    stream = engine.stream(ask(LONG, 2000))
    next(stream)
    began = time.monotonic()
    engine.cancel(stream.request.id)  # type: ignore[attr-defined]
    last = list(stream)[-1]
    assert last.finish_reason == "cancelled"
    assert time.monotonic() - began < 5
    assert answer(engine, ask("Hi", 2))[1].finish_reason == "length"


def test_closing_ends_a_reader_that_waits(engine: Engine) -> None:
    stream = engine.stream(ask(LONG, 2000))
    next(stream)
    threading.Timer(0.05, stream.close).start()
    assert all(delta.finish_reason is None for delta in stream)


@pytest.mark.parametrize("kind", ["mlx", "llamacpp", "remote"])
def test_who_waits_is_served_in_turn(kind: str, request: pytest.FixtureRequest) -> None:
    engine = engine_make(kind, request, max_batch=1, max_queue=3)
    try:
        running = engine.stream(ask(LONG, 2000))
        next(running)
        batch = engine.stream(ask("Hi", 1, priority=BATCH))
        agent = engine.stream(ask("Hi", 1, priority=AGENT))
        person = engine.stream(ask("Hi", 1))
        waiting = [person, agent, batch]
        places = [engine.place(stream.request.id) for stream in waiting]  # type: ignore[attr-defined]
        assert [place.position for place in places if place] == [1, 2, 3]
        assert engine.queued() == 3
        engine.cancel(agent.request.id)  # type: ignore[attr-defined]
        assert list(agent)[-1].finish_reason == "cancelled"
        running.close()
        for stream in (person, batch):
            last = list(stream)[-1]
            assert last.finish_reason == "length"
            assert usage_of(last).queue_seconds > 0
        assert engine.queued() == 0
    finally:
        engine.unload()


# --- Memory and limits ---------------------------------------------------------------------------


def test_what_was_read_is_not_read_again(engine: Engine) -> None:
    story = "Once there was a fox who lived in a wood by the sea. " * 12
    first = usage_of(answer(engine, ask(f"{story} {time.time_ns()}?", 3))[1])
    messages = (PromptMessage("user", f"{story} And a wolf."),)
    request = GenerationRequest(messages=messages, max_tokens=3, sampling=GREEDY)
    again = usage_of(answer(engine, request)[1])
    assert again.cached_tokens > 100
    assert first.prompt_tokens > 100


def test_a_prompt_past_the_context_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(ContextOverflow) as caught:
        answer(engine, ask("word " * 9000))
    assert caught.value.details["prompt_tokens"] > caught.value.details["context_length"] > 4000


def test_a_full_context_interrupts_and_goes_on() -> None:
    """Six answers share a context that holds two or three of them whole."""
    room = 97 * 2**20 + 2 * 23_040 * 2048
    path = str(embedded.gguf_file())
    engine = WorkerEngine(
        EngineConfig(model="m", engine="llamacpp", path=path, options={"memory_limit": room})
    )
    engine.load(no_progress)
    try:
        assert engine.describe().context_length == 2048
        streams = [engine.stream(ask(f"{n}. {LONG}", 450, sampling=WILD)) for n in range(6)]
        for last in [list(stream)[-1] for stream in streams]:
            assert last.finish_reason in ("stop", "length")
            assert usage_of(last).completion_tokens <= 450
    finally:
        engine.unload()


def test_it_says_what_it_is(local: WorkerEngine) -> None:
    description = local.describe()
    assert description.context_length == 8192
    assert description.parameters == 134_515_008
    assert {"tools", "grammar", "logprobs"} <= set(description.abilities)
    assert description.runtime
    eventually(lambda: local.memory_bytes() > 100_000_000)


# --- Deaths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOCAL)
def test_a_killed_process_is_replaced(kind: str, request: pytest.FixtureRequest) -> None:
    engine = engine_make(kind, request)
    assert isinstance(engine, WorkerEngine)
    try:
        stream = engine.stream(ask(LONG, 2000))
        next(stream)
        dead = kill(engine)
        with pytest.raises(WorkerLost, match="SIGKILL"):
            list(stream)
        assert answer(engine, ask("Hi", 2))[1].finish_reason == "length"
        assert not is_alive(dead)
    finally:
        engine.unload()


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGSEGV])
def test_a_frozen_or_broken_process_is_replaced(
    kind: str,
    number: signal.Signals,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = engine_make(kind, request)
    assert isinstance(engine, WorkerEngine)
    try:
        stream = engine.stream(ask(LONG, 2000))
        next(stream)
        with monkeypatch.context() as patched:
            patched.setattr("inference.engines.worker.engine.STALL", 2.0)
            kill(engine, number)
            with pytest.raises(WorkerLost):
                list(stream)
        assert answer(engine, ask("Hi", 2))[1].finish_reason == "length"
    finally:
        engine.unload()


@pytest.mark.parametrize("kind", LOCAL)
def test_unloading_ends_answers_and_the_process(kind: str, request: pytest.FixtureRequest) -> None:
    engine = engine_make(kind, request)
    assert isinstance(engine, WorkerEngine)
    stream = engine.stream(ask(LONG, 2000))
    next(stream)
    assert engine._process is not None
    pid = engine._process.pid
    engine.unload()
    with pytest.raises(WorkerLost, match="unloaded"):
        list(stream)
    assert not is_alive(pid)
    engine.unload()


# --- While a prompt is read ----------------------------------------------------------------------


def test_how_far_a_prompt_is_read_is_told_until_the_first_word(local: WorkerEngine) -> None:
    request = ask("Say hello. " + "The sea is wide and blue. " * 250, 4)
    deltas = local.stream(request)
    words = threading.Event()

    def read() -> None:
        for _ in deltas:
            words.set()

    reader = threading.Thread(target=read)
    reader.start()
    parts: list[float] = []
    while not words.wait(0.01):
        if (part := local.reading(request.id)) is not None:
            parts.append(part)
    assert local.reading(request.id) is None, "it is written now"
    reader.join()
    assert parts == sorted(parts)
    assert any(0 < part < 1 for part in parts), parts
    assert local.reading("unknown") is None
