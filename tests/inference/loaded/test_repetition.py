"""The repetition guard over its corpus: every loop is ended soon, and nothing else is."""

from __future__ import annotations

import random
import statistics
import time

import pytest

from inference.loaded.repetition import RepetitionGuard
from tests.inference.loaded.corpus import Loop, loops, texts

TOKEN = 4  # characters, about
SOON = 200  # tokens
LOOPS = list(loops())
TEXTS = list(texts())


def fires_at(text: str, size: int = TOKEN) -> int | None:
    """After how many characters the guard fires, given pieces of that size."""
    guard = RepetitionGuard()
    pieces = range(0, len(text), size)
    return next((at + size for at in pieces if guard.feed(text[at : at + size])), None)


def delay(loop: Loop) -> float | None:
    """How many tokens of the loop are written before the guard fires."""
    at = fires_at(loop.text)
    return None if at is None else (at - loop.begin) / TOKEN


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    assert len({loop.name for loop in LOOPS}) >= 60
    assert len({name for name, _ in TEXTS}) >= 200


def test_loops_are_ended_within_200_tokens() -> None:
    delays = {loop.name: delay(loop) for loop in LOOPS}
    ended = [tokens for tokens in delays.values() if tokens is not None]
    print(
        f"\n{len(ended)} of {len(LOOPS)} loops ended, after {min(ended):.0f} to {max(ended):.0f} "
        f"tokens, {statistics.median(ended):.0f} at the median"
    )
    late = {name: tokens for name, tokens in delays.items() if not tokens or tokens > SOON}
    assert late == {}


def test_what_does_not_run_in_a_circle_is_not_ended() -> None:
    ended = {name: text[:at][-200:] for name, text in TEXTS if (at := fires_at(text))}
    print(f"\n{len(ended)} of {len(TEXTS)} texts ended")
    assert ended == {}


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_how_the_text_is_cut_into_pieces_does_not_matter(size: int) -> None:
    loop = LOOPS[0]
    at = fires_at(loop.text, size)
    assert at is not None
    assert at - loop.begin <= max(SOON * TOKEN, size)
    assert fires_at(TEXTS[0][1], size) is None


def test_it_keeps_to_what_it_said() -> None:
    guard = RepetitionGuard()
    assert guard.feed(LOOPS[0].text)
    assert guard.feed("Something else. ")
    assert guard.fired


def test_a_token_costs_the_same_late_in_a_long_answer() -> None:
    chance = random.Random(1)
    words = [f"word{n} " for n in chance.choices(range(5000), k=40_000)]
    guard = RepetitionGuard()
    seconds = []
    for begin in range(0, len(words), 10_000):
        started = time.process_time()
        for word in words[begin : begin + 10_000]:
            guard.feed(word)
        seconds.append(time.process_time() - started)
    assert not guard.fired
    assert seconds[-1] < 3 * seconds[1]
