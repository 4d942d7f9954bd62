"""The prompt cache: shared beginnings are computed once and change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache, RotatingKVCache

from inference.mlx_worker.cache.memory import Miss, PromptCache
from inference.mlx_worker.model import LoadedModel
from inference.types import AGENT, BATCH, INTERACTIVE, PromptMessage
from tests.inference.mlx_worker.fixtures import ask, assert_same_or_tie, engine_make, run

MEGABYTE = 1 << 20


def layers_make(length: int, kind: type = KVCache) -> list:
    """A computed prefix of one layer whose keys tell their position."""
    cache = RotatingKVCache(8) if kind is RotatingKVCache else kind()
    keys = mx.arange(length, dtype=mx.float32).reshape(1, 1, length, 1)
    cache.update_and_fetch(mx.broadcast_to(keys, (1, 1, length, 4)), keys)
    return [cache]


def test_the_longest_common_beginning_is_found_and_trimmed() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40))
    layers, length, _ = cache.fetch([*range(30), 99, 98])
    assert length == 30
    assert layers is not None
    assert layers[0].offset == 30
    assert cache.fetch([7, *range(30)])[:2] == (None, 0)


def test_one_token_is_always_left_to_compute() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40))
    assert cache.fetch(list(range(40)))[1] == 39


def test_what_is_fetched_is_a_copy() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40))
    first, _, _ = cache.fetch(list(range(41)))
    assert first is not None
    first[0].trim(40)
    second, length, _ = cache.fetch(list(range(41)))
    assert second is not None
    assert length == second[0].offset == 40


def test_a_cache_that_cannot_be_trimmed_serves_whole_prefixes_only() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40, RotatingKVCache))
    assert cache.fetch([*range(30), 99])[1] == 0
    assert cache.fetch(list(range(50)))[1] == 40


def test_the_least_recently_used_goes_when_the_bytes_are_spent() -> None:
    one = sum(layer.nbytes for layer in layers_make(40))
    cache = PromptCache(2 * one)
    first, second, third = ([start, *range(39)] for start in (100, 200, 300))
    cache.insert(first, layers_make(40))
    cache.insert(second, layers_make(40))
    cache.fetch(first)
    cache.insert(third, layers_make(40))
    assert cache.nbytes <= 2 * one
    assert cache.fetch(first)[1] == 39
    assert cache.fetch(second)[1] == 0
    assert cache.fetch(third)[1] == 39


def test_a_longer_conversation_replaces_its_beginning() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40))
    cache.insert(list(range(60)), layers_make(60))
    assert len(cache) == 1
    cache.insert(list(range(60)), layers_make(60))
    assert len(cache) == 1


def conversation(number: int) -> list[int]:
    return [number * 100, *range(39)]


def room_for(conversations: int) -> PromptCache:
    return PromptCache(conversations * sum(layer.nbytes for layer in layers_make(40)))


def kept(cache: PromptCache, *numbers: int) -> list[int]:
    return [number for number in numbers if cache.fetch(conversation(number)).length == 39]


def test_an_open_conversation_stays_when_agents_and_batches_fill_the_cache() -> None:
    cache = room_for(4)
    cache.insert(conversation(1), layers_make(40), priority=INTERACTIVE)
    for number in (2, 3, 4, 5, 6):
        cache.insert(conversation(number), layers_make(40), priority=number % 2 or BATCH)
    assert kept(cache, 1, 2, 3, 4, 5, 6) == [1, 4, 5, 6]


def test_open_conversations_displace_each_other_beyond_their_share() -> None:
    cache = room_for(4)
    for number in (1, 2, 3):
        cache.insert(conversation(number), layers_make(40), priority=INTERACTIVE)
    for number in (4, 5, 6):
        cache.insert(conversation(number), layers_make(40), priority=AGENT)
    assert kept(cache, 1, 2, 3, 4, 5, 6) == [2, 3, 5, 6]


def test_a_large_new_conversation_comes_before_an_older_open_one() -> None:
    cache = room_for(4)
    cache.insert(conversation(1), layers_make(40), priority=INTERACTIVE)
    large = [900, *range(800)]
    cache.insert(large, layers_make(801), priority=INTERACTIVE)
    assert kept(cache, 1) == []
    assert cache.fetch(large).length == 800


def test_a_conversation_that_was_left_alone_is_open_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inference.mlx_worker.cache.memory.OPEN_SECONDS", 0.0)
    cache = room_for(2)
    cache.insert(conversation(1), layers_make(40), priority=INTERACTIVE)
    for number in (2, 3):
        cache.insert(conversation(number), layers_make(40), priority=AGENT)
    assert kept(cache, 1, 2, 3) == [2, 3]


def test_a_miss_tells_where_the_prompt_leaves_what_is_cached() -> None:
    cache = PromptCache(MEGABYTE)
    assert cache.fetch(list(range(40))).miss is None  # there is nothing to compare with
    cache.insert(list(range(40)), layers_make(40), owner="me")
    assert cache.fetch([*range(30), 99, 98], "me").miss == Miss(
        30, [99, 98], [30, 31, 32, 33, 34, 35, 36, 37]
    )
    assert cache.fetch([7, *range(30)], "me").miss == Miss(
        0, [7, 0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7]
    )


def test_what_somebody_else_has_cached_is_not_told() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40), owner="somebody")
    assert cache.fetch([*range(30), 99, 98], "me").miss == Miss(30, [99, 98], None)


def test_going_on_and_asking_again_are_no_misses() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40))
    assert cache.fetch(list(range(50))).miss is None
    assert cache.fetch(list(range(40))).miss is None
    assert cache.fetch(list(range(30))).miss is None


def test_a_cache_that_cannot_be_cut_misses_also_where_it_goes_on() -> None:
    cache = PromptCache(MEGABYTE)
    cache.insert(list(range(40)), layers_make(40, RotatingKVCache), owner="me")
    miss = cache.fetch(list(range(30)), "me").miss
    assert miss == Miss(30, [], [30, 31, 32, 33, 34, 35, 36, 37], cannot_cut=True)


@pytest.mark.model
def test_turns_share_what_was_computed_and_say_the_same(loaded: LoadedModel) -> None:
    cached, plain = (
        engine_make(loaded, options={"prompt_cache_bytes": size}) for size in (1 << 30, 0)
    )
    first = ask("What is the capital of France?", max_tokens=12)
    (opening,) = run(cached, first)
    turn = replace(
        ask("", max_tokens=12, top_logprobs=2),
        messages=(
            *first.messages,
            PromptMessage("assistant", opening.text),
            PromptMessage("user", "And of Italy?"),
        ),
    )
    (with_cache,) = run(cached, replace(turn, id="cached"))
    (without,) = run(plain, replace(turn, id="plain"))
    assert without.usage.cached_tokens == 0
    assert with_cache.usage.cached_tokens >= opening.usage.prompt_tokens
    assert with_cache.usage.prompt_tokens == without.usage.prompt_tokens
    assert_same_or_tie(without, with_cache)


@pytest.mark.model
def test_a_cancelled_answer_is_continued_from_the_cache(loaded: LoadedModel) -> None:
    engine = engine_make(loaded, options={"prompt_cache_bytes": 1 << 30})
    request = ask("Tell me a very long story.", max_tokens=200)
    engine.submit(request)
    text = ""
    while len(text) < 20:
        text += "".join(delta.text for _, delta in engine.step())
    engine.cancel(request.id)
    engine.step()
    messages = (*request.messages, PromptMessage("assistant", text))
    (answer,) = run(engine, replace(ask("", max_tokens=2), messages=messages))
    assert answer.usage.cached_tokens >= 30


@pytest.mark.model
def test_what_a_running_answer_computed_is_on_the_disk_when_the_process_ends(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    options = {
        "prompt_cache_bytes": 1 << 30,
        "prompt_cache_dir": str(tmp_path),
        "prompt_cache_disk_bytes": 1 << 30,
    }
    engine = engine_make(loaded, options=options)
    request = ask("Tell me a very long story.", max_tokens=200)
    engine.submit(request)
    text = ""
    while len(text) < 20:
        text += "".join(delta.text for _, delta in engine.step())
    engine.close(timeout=20)
    again = engine_make(loaded, options=options)
    messages = (*request.messages, PromptMessage("assistant", text))
    (answer,) = run(again, replace(ask("", max_tokens=1), messages=messages))
    again.close(timeout=20)
    assert answer.usage.cached_tokens >= 30
