"""Sampling keeps to its filters, to its seed and to its penalties."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from inference.mlx_worker.chunks import ChunkSize
from inference.mlx_worker.sampling import penalties_make, sampler_make
from inference.types import Sampling

SIZE = 8192  # wider than the candidates that filters look at


@pytest.fixture
def logprobs() -> mx.array:
    """Token i is the likelier, the smaller i is; the first four hold 0.9 of the mass."""
    weights = np.full(SIZE, 0.1 / (SIZE - 4))
    weights[:4] = (0.4, 0.3, 0.15, 0.05)
    return mx.log(mx.array(weights[None].astype(np.float32)))


def draw(logprobs: mx.array, count: int = 200, **fields: float) -> list[int]:
    sampler = sampler_make(Sampling(**{"temperature": 1.0, "top_p": 1.0, "seed": 1, **fields}))
    return [int(sampler(logprobs).item()) for _ in range(count)]


def test_greedy_takes_the_likeliest(logprobs: mx.array) -> None:
    assert set(draw(logprobs, 5, temperature=0)) == {0}
    greedy = Sampling(temperature=0)
    assert sampler_make(greedy) is sampler_make(greedy)  # so that a batch shares one call


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.65}, {0, 1}),
        ({"top_p": 0.8}, {0, 1, 2}),
        ({"min_p": 0.3}, {0, 1, 2}),
        ({"top_k": 3, "min_p": 0.7}, {0, 1}),
        ({"top_p": 0.0001}, {0}),
    ],
)
def test_filters_leave_exactly_what_they_should(
    logprobs: mx.array, fields: dict[str, float], allowed: set[int]
) -> None:
    assert set(draw(logprobs, **fields)) == allowed


def test_frequencies_follow_the_probabilities(logprobs: mx.array) -> None:
    counts = np.bincount(draw(logprobs, 2000), minlength=SIZE) / 2000
    assert abs(counts[0] - 0.4) < 0.05
    assert abs(counts[1] - 0.3) < 0.05
    assert abs(counts[4:].sum() - 0.1) < 0.04


def test_a_seed_fixes_the_tokens_and_none_frees_them(logprobs: mx.array) -> None:
    assert draw(logprobs, 40) == draw(logprobs, 40)
    assert draw(logprobs, 40) != draw(logprobs, 40, seed=2)
    free = [sampler_make(Sampling(temperature=1.0, top_p=1.0)) for _ in range(2)]
    first, second = ([int(s(logprobs).item()) for _ in range(40)] for s in free)
    assert first != second


def test_a_negative_or_huge_seed_is_as_good(logprobs: mx.array) -> None:
    assert draw(logprobs, 5, seed=-1) == draw(logprobs, 5, seed=2**64 - 1)


def test_rounding_does_not_change_what_a_seed_draws(logprobs: mx.array) -> None:
    """Another batch rounds differently; which candidates pass the filters' edge must not matter."""
    noise = mx.random.normal(logprobs.shape, key=mx.random.key(0)) * 1e-6
    assert draw(logprobs, 100, top_p=0.8) == draw(logprobs + noise, 100, top_p=0.8)


def test_presence_and_frequency_count_the_answer_alone() -> None:
    tokens = mx.array([1, 1, 2, 3, 3])  # the first two are the prompt
    logits = mx.zeros((1, 6))
    (presence,) = penalties_make(Sampling(presence_penalty=1.0), 2)
    (frequency,) = penalties_make(Sampling(frequency_penalty=1.0), 2)
    assert presence(tokens, logits + 0).tolist() == [[0, 0, -1, -1, 0, 0]]
    assert frequency(tokens, logits + 0).tolist() == [[0, 0, -1, -2, 0, 0]]


def test_repetition_looks_at_the_prompt_too() -> None:
    (repetition,) = penalties_make(Sampling(repetition_penalty=2.0), 2)
    logits = mx.array([[4.0, 4.0, -4.0, 4.0]])
    assert repetition(mx.array([1, 2]), logits).tolist() == [[4.0, 2.0, -8.0, 4.0]]


def test_penalties_that_are_off_cost_nothing() -> None:
    assert penalties_make(Sampling(), 2) == []


class _Prompt:
    def __init__(self, uid: int, done: int, total: int) -> None:
        self.uid, self.progress, self.end_of_prompt = uid, (done, total), done == total


def test_chunks_follow_the_measured_speed() -> None:
    chunks = ChunkSize(stall_ms=100)
    first = chunks.size(1, is_alone=False)
    for step in range(1, 40):
        chunks.observe([_Prompt(1, step * 500, 100_000)], seconds=0.5)  # 1,000 tokens a second
    assert first == 128
    assert 90 <= chunks.size(1, is_alone=False) <= 110
    assert chunks.size(1, is_alone=True) > 300


def test_many_prompts_share_one_chunk() -> None:
    """Sixteen prompts in one step make nobody wait longer than one."""
    chunks = ChunkSize(stall_ms=100)
    chunks.observe([_Prompt(1, 500, 100_000)], seconds=0.5)
    assert 90 <= 4 * chunks.size(4, is_alone=False) <= 110
    assert 16 * chunks.size(16, is_alone=False) <= 110
    assert chunks.size(1000, is_alone=False) == 1  # it goes on all the same


def test_the_first_measure_replaces_the_guess() -> None:
    chunks = ChunkSize(stall_ms=100)
    chunks.observe([_Prompt(1, 40, 100_000)], seconds=1.0)  # a slow machine
    assert chunks.size(1, is_alone=False) == 32  # the smallest that is worth a step
