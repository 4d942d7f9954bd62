"""Masking logits so that an answer matches its grammar.

Where the grammar leaves no choice, the text's canonical tokens are the only ones allowed, and the
engine may take a row of them without decoding (jump-forward).
"""

from __future__ import annotations

from collections import OrderedDict

import llguidance.hf
import mlx.core as mx
import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from mlx_lm.tokenizer_utils import TokenizerWrapper

from common.errors import InvalidRequest

KEPT_MATCHERS = 64


class Grammars:
    """Matchers for one model's tokenizer. Compiled grammars are kept and copied."""

    def __init__(self, tokenizer: TokenizerWrapper) -> None:
        self._tokenizer = tokenizer
        self._native: LLTokenizer | None = None
        self._matchers: OrderedDict[str, LLMatcher] = OrderedDict()

    @property
    def native(self) -> LLTokenizer:
        """llguidance's own view of the tokenizer; takes half a second, so built when needed."""
        if self._native is None:
            try:
                self._native = llguidance.hf.from_tokenizer(
                    self._tokenizer._tokenizer, eos_token=sorted(self._tokenizer.eos_token_ids)
                )
            except ValueError as error:
                raise InvalidRequest(f"this model cannot follow a grammar: {error}") from error
        return self._native

    def processor(self, grammar: str, *, is_thinking: bool) -> GrammarProcessor:
        """A logits processor for one answer. Raises InvalidRequest when it does not compile."""
        matcher = self._matchers.pop(grammar, None)
        if matcher is None:
            matcher = LLMatcher(self.native, grammar)
            if matcher.is_error():
                message = matcher.get_error().strip()
                raise InvalidRequest(f"the grammar cannot be used: {message}", field="constraint")
        self._matchers[grammar] = matcher
        while len(self._matchers) > KEPT_MATCHERS:
            self._matchers.popitem(last=False)
        return GrammarProcessor(
            matcher.deep_copy(),
            self._tokenizer,
            vocabulary=self.native.vocab_size,
            is_thinking=is_thinking,
        )


class GrammarProcessor:
    """Follows one answer and allows only tokens that can lead to a match.

    Thinking is free: the grammar holds from its end on, or from the first token if there is none.
    """

    def __init__(
        self,
        matcher: LLMatcher,
        tokenizer: TokenizerWrapper,
        *,
        vocabulary: int,
        is_thinking: bool,
    ) -> None:
        self._matcher = matcher
        self._is_first = True
        self._is_thinking = is_thinking
        self._recent: list[int] = []
        start = tuple(tokenizer.think_start_tokens or ())
        self._think_end = list(tokenizer.think_end_tokens or ())
        self._may_open_with = start[0] if len(start) == 1 and not is_thinking else None
        self._vocabulary = vocabulary
        self._bits = allocate_token_bitmask(1, vocabulary)
        self._forced: list[int] = []
        self._find_forced()

    @property
    def forced(self) -> list[int]:
        """The tokens that have to come after those seen so far; empty where there is a choice."""
        return self._forced

    def accept(self, tokens: list[int]) -> None:
        """Take forced tokens that are not decoded but put before the next decoded one."""
        for token in tokens:
            self._consume(token)
        self._find_forced()
        self._is_first = True

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        # The model computes while the grammar is asked.
        mx.async_eval(logits)  # type: ignore[no-untyped-call]
        if self._is_first:
            self._is_first = False  # the token before this one is the prompt's last, or accepted
        else:
            self._consume(int(tokens[-1].item()))  # type: ignore[arg-type]
            self._find_forced()
        if self._is_thinking:
            return logits
        return mx.where(self._allowed(logits.shape[-1]), logits, -mx.inf)

    def _consume(self, token: int) -> None:
        if self._is_thinking:
            self._recent = [*self._recent, token][-len(self._think_end) :]
            self._is_thinking = self._recent != self._think_end
        elif token == self._may_open_with:
            self._is_thinking = True
        elif not self._matcher.is_stopped():
            self._matcher.consume_token(token)
            self._check()
        self._may_open_with = None

    def _check(self) -> None:
        """Only tokens that are allowed come here: what goes wrong is the grammar's own weight."""
        if self._matcher.is_error():
            message = self._matcher.get_error().strip()
            raise InvalidRequest(f"the grammar is too complex: {message}", field="constraint")

    def _find_forced(self) -> None:
        is_free = self._is_thinking or self._may_open_with is not None
        self._forced = [] if is_free else self._matcher.compute_ff_tokens()

    def _allowed(self, width: int) -> mx.array:
        """Which tokens may come, as booleans over the logits (often wider than the vocabulary)."""
        allowed = np.zeros(width, dtype=np.uint8)
        if self._forced:
            allowed[self._forced[0]] = 1
            return mx.array(allowed.view(np.bool_))[None]
        fill_next_token_bitmask(self._matcher, self._bits)
        self._check()
        known = np.unpackbits(self._bits.view(np.uint8), count=self._vocabulary, bitorder="little")
        allowed[: self._vocabulary] = known[:width]
        if self._may_open_with is not None:
            allowed[self._may_open_with] = 1
        return mx.array(allowed.view(np.bool_))[None]
