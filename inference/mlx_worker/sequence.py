"""One request on its way through the batch: its state, its clock and its count of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.tokenizer_utils import TokenizerWrapper

from inference.mlx_worker.grammar import GrammarProcessor
from inference.mlx_worker.sampling import Processor, Sampler
from inference.mlx_worker.text import TokenAssembler
from inference.types import GenerationRequest, TokenLogprob, Usage
from inference.worker.prompt import Prompt


@dataclass(eq=False, slots=True)
class Sequence:
    """A request from submission to its last delta."""

    request: GenerationRequest
    prompt: Prompt
    max_tokens: int
    assembler: TokenAssembler
    sampler: Sampler
    processors: list[Processor]
    grammar: GrammarProcessor | None = None  # the last of the processors
    uid: int | None = None
    is_prefilling: bool = True
    read: float = 0.0  # how much of its prompt, from 0 to 1
    opening: list[int] = field(default_factory=list)  # forced tokens computed with the prompt
    cached_tokens: int = 0
    cache_miss: str = ""
    completion_tokens: int = 0
    forced_tokens: int = 0
    failure: Exception | None = None  # raised inside the batch; reported after the step
    submitted: float = field(default_factory=time.monotonic)
    admitted: float = 0.0
    first_token: float = 0.0

    def count_tokens(self, count: int) -> None:
        if not self.completion_tokens and count:
            self.first_token = time.monotonic()
        self.completion_tokens += count

    def take_forced(self, end_tokens: Collection[int], *, least: int) -> list[int]:
        """What the grammar forces next, if it is at least `least` tokens; they count as seen.

        The token that ends the answer, by its meaning or by max_tokens, is left to be decoded.
        """
        if self.grammar is None or self.failure is not None:
            return []
        room = self.max_tokens - self.completion_tokens - 1
        forced = list(takewhile(lambda token: token not in end_tokens, self.grammar.forced))[:room]
        if len(forced) < least:
            return []
        self.grammar.accept(forced)
        self.forced_tokens += len(forced)
        return forced

    def usage(self) -> Usage:
        now = time.monotonic()
        admitted = self.admitted or now
        first_token = self.first_token or now
        return Usage(
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=self.cached_tokens,
            cache_miss=self.cache_miss,
            completion_tokens=self.completion_tokens,
            forced_tokens=self.forced_tokens,
            queue_seconds=admitted - self.submitted,
            prefill_seconds=first_token - admitted,
            first_token_seconds=first_token - self.submitted,
            decode_seconds=now - first_token,
        )

    def guarded_processors(self) -> list[Processor]:
        """The processors, made safe for the batch: an exception in the middle of a step would
        leave the other sequences in pieces, so it is noted and reported after the step."""
        return [self._guard(processor) for processor in self.processors]

    def _guard(self, processor: Processor) -> Processor:
        def run(tokens: mx.array, logits: mx.array) -> mx.array:
            if self.failure is not None:
                return logits
            try:
                return processor(tokens, logits)
            except Exception as error:  # noqa: BLE001 - kept, and raised on its request
                self.failure = error
                return logits

        return run


def forced_logprobs(tokenizer: TokenizerWrapper, token: int, top: int) -> TokenLogprob:
    """What `token_logprobs` says of a token that the grammar forces: there is no other."""
    text = tokenizer.decode([token])
    return TokenLogprob(token=text, logprob=0.0, top=((text, 0.0),) if top else ())


def token_logprobs(
    tokenizer: TokenizerWrapper, token: int, logprobs: mx.array, top: int
) -> TokenLogprob:
    """The chosen token and the `top` likeliest. What a grammar excluded is left out."""
    values = np.array(logprobs.astype(mx.float32))
    text: Callable[[int], str] = lambda index: tokenizer.decode([int(index)])  # noqa: E731
    best: Any = []
    if top:
        best = np.argpartition(-values, min(top, len(values) - 1))[:top]
        best = sorted((i for i in best if np.isfinite(values[i])), key=lambda i: -values[i])
    return TokenLogprob(
        token=text(token),
        logprob=float(values[token]),
        top=tuple((text(index), float(values[index])) for index in best),
    )
