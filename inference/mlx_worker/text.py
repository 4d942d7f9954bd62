"""From tokens to the text that a `TextAssembler` sorts; bytes wait until they are a character."""

from __future__ import annotations

import logging
from typing import Any

from mlx_lm.tokenizer_utils import TokenizerWrapper

from inference.worker.dialect import Dialect
from inference.worker.text import Piece, TextAssembler

logger = logging.getLogger(__name__)


class TokenAssembler:
    """Assembles one answer, token by token. The options are those of `TextAssembler`."""

    def __init__(
        self,
        tokenizer: TokenizerWrapper,
        dialect: Dialect,
        *,
        is_continuation: bool = False,
        **options: Any,
    ) -> None:
        self._detokenizer = tokenizer.detokenizer
        if is_continuation:
            self._keep_leading_space(tokenizer)
        self._assembler = TextAssembler(dialect, **options)

    def _keep_leading_space(self, tokenizer: TokenizerWrapper) -> None:
        """Detokenizers drop the space before an answer's first word. A raw prompt is continued,
        not answered: there the space is text, and a letter before it keeps it."""
        self._detokenizer.add_token(tokenizer.encode("a", add_special_tokens=False)[-1])
        _ = self._detokenizer.last_segment

    @property
    def calls_given(self) -> int:
        """How many tool calls have been handed out."""
        return self._assembler.calls_given

    def add(self, token: int) -> Piece:
        """One token of the answer (not the one that ends it)."""
        self._detokenizer.add_token(token)
        return self._assembler.feed(self._detokenizer.last_segment)

    def finish(self, *, cut: bool) -> Piece:
        """Whatever is still held, as `TextAssembler.end` gives it."""
        try:
            self._detokenizer.finalize()
        except KeyError:
            logger.warning("the last token's bytes are no text; they are left out")
        piece = self._assembler.feed(self._detokenizer.last_segment)
        if piece.stopped:
            return piece
        return piece + self._assembler.end(cut=cut)
