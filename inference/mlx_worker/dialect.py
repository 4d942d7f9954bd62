"""The dialect of a model as mlx-lm knows it."""

from __future__ import annotations

import re

from mlx_lm.tokenizer_utils import TokenizerWrapper

from inference.grammar.calls.writer import Term, literal
from inference.mlx_worker.grammar import Grammars
from inference.worker.dialect import Dialect, ToolFormat


def dialect_of(tokenizer: TokenizerWrapper, grammars: Grammars) -> Dialect:
    """What the tokenizer's vocabulary and the chat template tell."""
    calls = None
    if tokenizer.has_tool_calling:
        calls = ToolFormat(
            tokenizer.tool_call_start, tokenizer.tool_call_end or "", tokenizer.tool_parser
        )
    return Dialect(
        thinking=(tokenizer.think_start, tokenizer.think_end) if tokenizer.has_thinking else None,
        calls=calls,
        family=calls.parse.__module__.rpartition(".")[2] if calls else "",
        structural=tuple(tokenizer.structural_markers or ()),
        term=lambda: term_make(grammars, tokenizer),
    )


def term_make(grammars: Grammars, tokenizer: TokenizerWrapper) -> Term:
    """A function from text to Lark terms: the model's special tokens by id, the rest in quotes."""
    special = {
        str(token): index
        for index, token in tokenizer.added_tokens_decoder.items()
        if grammars.native.is_special_token(index)
    }
    longest_first = sorted(special, key=len, reverse=True)
    pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})") if special else None

    def term(text: str) -> str:
        pieces = pattern.split(text) if pattern else [text]
        written = (f"<[{special[p]}]>" if p in special else literal(p) for p in pieces if p)
        return " ".join(written)

    return term
