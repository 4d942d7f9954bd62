"""One request on its way through the batch: its state, its clock and its count of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.tokenizer_utils import TokenizerWrapper

from inference.engines.mlx_prompt import Prompt
from inference.engines.mlx_sampling import Processor, Sampler
from inference.engines.mlx_text import TextAssembler
from inference.types import GenerationRequest, TokenLogprob, Usage


@dataclass(eq=False, slots=True)
class Sequence:
    """A request from submission to its last delta."""

    request: GenerationRequest
    prompt: Prompt
    max_tokens: int
    assembler: TextAssembler
    sampler: Sampler
    processors: list[Processor]
    uid: int | None = None
    cached_tokens: int = 0
    cache_miss: str = ""
    completion_tokens: int = 0
    failure: Exception | None = None  # raised inside the batch; reported after the step
    submitted: float = field(default_factory=time.monotonic)
    admitted: float = 0.0
    first_token: float = 0.0

    @property
    def is_prefilling(self) -> bool:
        return self.completion_tokens == 0

    def count_token(self) -> None:
        if not self.completion_tokens:
            self.first_token = time.monotonic()
        self.completion_tokens += 1

    def usage(self) -> Usage:
        now = time.monotonic()
        admitted = self.admitted or now
        first_token = self.first_token or now
        return Usage(
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=self.cached_tokens,
            cache_miss=self.cache_miss,
            completion_tokens=self.completion_tokens,
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
