"""The dialect of a model that is known by its chat template and its tokens alone."""

from __future__ import annotations

from inference.llamacpp_worker.vocabulary import Vocabulary
from inference.worker.dialect import Dialect
from inference.worker.families import family_of, format_load

THINKING = (
    ("<think>", "</think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<|think:start|>", "<|think:end|>"),
)


def dialect_of(vocabulary: Vocabulary) -> Dialect:
    """What the tokens and the chat template tell."""
    thinking = next(
        (pair for pair in THINKING if all(vocabulary.special(mark) is not None for mark in pair)),
        None,
    )
    family = family_of(vocabulary.template)
    return Dialect(
        thinking=thinking,
        calls=format_load(family) if family else None,
        family=family,
        term=lambda: vocabulary.term,
    )
