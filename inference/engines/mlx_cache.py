"""The prompt cache: what earlier prompts left computed, found again by their common beginning.

mlx-lm's LRUPromptCache walks a trie of token dicts and copies lists quadratically in the length of
a conversation, between two decode steps. Comparing token arrays takes microseconds, so the entries
are kept in a plain list here; trimming and copying stay mlx-lm's.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

logger = logging.getLogger(__name__)

Layers = list[Any]  # one cache object of mlx-lm for each layer
MINIMUM = 16  # shorter prefixes are computed faster than they are copied


@dataclass(slots=True, eq=False)
class _Entry:
    tokens: np.ndarray[Any, np.dtype[np.int64]]
    layers: Layers
    nbytes: int


class PromptCache:
    """Computed prefixes, the least recently used ones dropped beyond `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: list[_Entry] = []  # the most recently used last

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self._entries)

    def fetch(self, tokens: Sequence[int]) -> tuple[Layers | None, int]:
        """A copy of the longest usable prefix and its length: (None, 0) when there is none.

        At least one token is always left to compute, for its logits start the answer.
        """
        wanted = np.asarray(tokens, dtype=np.int64)
        best, best_length = None, MINIMUM - 1
        for entry in self._entries:
            length = min(_common(entry.tokens, wanted), len(wanted) - 1)
            usable = length == len(entry.tokens) or can_trim_prompt_cache(entry.layers)
            if usable and length > best_length:
                best, best_length = entry, length
        if best is None:
            return None, 0
        self._entries.remove(best)
        self._entries.append(best)
        layers = copy.deepcopy(best.layers)
        trim_prompt_cache(layers, len(best.tokens) - best_length)
        return layers, best_length

    def insert(self, tokens: Sequence[int], layers: Layers) -> None:
        """Keep what is computed for `tokens`. Prefixes of it become superfluous and go."""
        if self.max_bytes <= 0 or len(tokens) < MINIMUM:
            return
        mx.eval([layer.state for layer in layers])  # else it would hold the batch's arrays
        nbytes = sum(layer.nbytes for layer in layers)
        if nbytes > self.max_bytes:
            return
        array = np.asarray(tokens, dtype=np.int64)
        trimmable = can_trim_prompt_cache(layers)
        self._entries = [
            entry for entry in self._entries if not _superseded(entry.tokens, array, trimmable)
        ]
        self._entries.append(_Entry(array, layers, nbytes))
        while self.nbytes > self.max_bytes:
            self._entries.pop(0)


def _common(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> int:
    """The length of the common beginning."""
    length = min(len(left), len(right))
    differing = np.flatnonzero(left[:length] != right[:length])
    return int(differing[0]) if len(differing) else length


def _superseded(
    old: np.ndarray[Any, Any], new: np.ndarray[Any, Any], new_is_trimmable: bool
) -> bool:
    if len(old) > len(new) or (len(old) < len(new) and not new_is_trimmable):
        return False
    return _common(old, new) == len(old)
