"""How one request's next token is drawn, whatever else is in the batch.

Each request has a sampler of its own with its own random key, so that a seed gives the same
tokens alone and in any company. Samplers never wait for the device: they only add to its graph.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import mlx.core as mx
from mlx_lm.sample_utils import (
    apply_min_p,
    apply_top_k,
    apply_top_p,
    greedy_sampler,
    make_frequency_penalty,
    make_presence_penalty,
    make_repetition_penalty,
)

from inference.types import Sampling

Sampler = Callable[[mx.array], mx.array]
Processor = Callable[[mx.array, mx.array], mx.array]

# Sorting a whole vocabulary for top_p costs more than a tenth of a step on a CPU. A nucleus is
# looked for among this many likeliest tokens, and cut there should it ever be wider.
CANDIDATES = 4096
REPETITION_WINDOW = 256


def sampler_make(sampling: Sampling) -> Sampler:
    """A sampler of log-probabilities [1, vocabulary] -> token [1].

    Greedy requests get one and the same function, which lets a batch of them share a single call.
    """
    if sampling.temperature <= 0:
        return greedy_sampler
    return _Draw(sampling)


class _Draw:
    """Gumbel-max sampling: the noise belongs to token ids, so filters do not disturb it."""

    def __init__(self, sampling: Sampling) -> None:
        seed = secrets.randbits(63) if sampling.seed is None else sampling.seed % 2**64
        self._key = mx.random.key(seed)
        self._sampling = sampling
        self._filters = _filters(sampling)

    def __call__(self, logprobs: mx.array) -> mx.array:
        self._key, step_key = mx.random.split(self._key)
        noise = mx.random.gumbel(logprobs.shape, key=step_key)
        if not self._filters:
            return self._choose(logprobs, noise)
        candidates = self._candidates(logprobs)
        narrowed = mx.take_along_axis(logprobs, candidates, axis=-1)
        for apply in self._filters:
            narrowed = apply(narrowed)
        choice = self._choose(narrowed, mx.take_along_axis(noise, candidates, axis=-1))
        return mx.take_along_axis(candidates, choice[:, None], axis=-1)[:, 0]

    def _choose(self, logprobs: mx.array, noise: mx.array) -> mx.array:
        return mx.argmax(logprobs * (1.0 / self._sampling.temperature) + noise, axis=-1)

    def _candidates(self, logprobs: mx.array) -> mx.array:
        count = min(CANDIDATES, logprobs.shape[-1])
        if count == logprobs.shape[-1]:
            return mx.arange(count)[None]
        return mx.argpartition(-logprobs, kth=count - 1, axis=-1)[:, :count]


def _filters(sampling: Sampling) -> list[Callable[[mx.array], mx.array]]:
    filters: list[Callable[[mx.array], mx.array]] = []
    if 0 < sampling.top_p < 1:
        filters.append(lambda logprobs: apply_top_p(logprobs, float(sampling.top_p)))
    if sampling.min_p > 0:
        filters.append(lambda logprobs: apply_min_p(logprobs, float(sampling.min_p)))
    if sampling.top_k > 0:
        filters.append(lambda logprobs: _top_k(logprobs, sampling.top_k))
    return filters


def _top_k(logprobs: mx.array, top_k: int) -> mx.array:
    return apply_top_k(logprobs, top_k) if top_k < logprobs.shape[-1] else logprobs


def bias_make(bias: Iterable[tuple[int, float]]) -> Processor:
    """A logits processor that adds to the logits of some tokens."""
    tokens, values = zip(*bias, strict=True)
    where, added = mx.array(tokens), mx.array(values, dtype=mx.float32)

    def add(_tokens: mx.array, logits: mx.array) -> mx.array:
        return logits.at[:, where].add(added.astype(logits.dtype))

    return add


def penalties_make(sampling: Sampling, prompt_length: int) -> list[Processor]:
    """Logits processors for the penalties that are switched on.

    Repetition looks back over prompt and answer, as mlx-lm has it; presence and frequency count
    the answer alone, as OpenAI has it.
    """
    processors: list[Processor] = []
    if sampling.repetition_penalty != 1.0:
        processors.append(
            make_repetition_penalty(float(sampling.repetition_penalty), REPETITION_WINDOW)
        )
    everything = 1 << 30
    for make, penalty in (
        (make_presence_penalty, sampling.presence_penalty),
        (make_frequency_penalty, sampling.frequency_penalty),
    ):
        if penalty:
            processors.append(_of_answer(make(float(penalty), everything), prompt_length))
    return processors


def _of_answer(processor: Processor, prompt_length: int) -> Processor:
    return lambda tokens, logits: processor(tokens[prompt_length:], logits)
