"""The prompt cache: what earlier prompts left computed, found again by their common beginning.

mlx-lm's LRUPromptCache walks a trie of token dicts and copies lists quadratically in the length of
a conversation, between two decode steps. Comparing token arrays takes microseconds, so the entries
are kept in a plain list here; trimming and copying stay mlx-lm's.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper

from common.types import JSON
from inference.mlx_worker.cache.disk import DiskCache, Loaded
from inference.mlx_worker.cache.file import WHOLE, Layers, snapshot_take, storable
from inference.mlx_worker.cache.fingerprint import fingerprint
from inference.mlx_worker.cache.index import superseded
from inference.mlx_worker.model import LoadedModel, memory_total
from inference.types import AGENT, BATCH, INTERACTIVE
from inference.worker.tokens import Tokens, common

logger = logging.getLogger(__name__)

MINIMUM = 16  # shorter prefixes are computed faster than they are copied
OPEN_SECONDS = 900.0  # a conversation counts as open for so long after its last answer
PINNED_SHARE = 0.5  # of the bytes, at most, are kept for open conversations
SHOWN = 8  # tokens of each side that a miss tells


@dataclass(slots=True, eq=False)
class _Entry:
    tokens: Tokens
    layers: Layers
    nbytes: int
    owner: str
    open_until: float = 0.0  # on the monotonic clock; 0 for what nobody waits at


@dataclass(frozen=True, slots=True)
class Miss:
    """Why no more of a prompt was found: from `position` on it has the tokens `wanted`, and what is
    most like it has `cached` (None when that belongs to another owner).

    `cannot_cut`: this model's caches are of use as a whole only. `damaged`: it was on the disk, and
    no longer what it had been.
    """

    position: int
    wanted: list[int]
    cached: list[int] | None
    cannot_cut: bool = False
    damaged: bool = False


class Fetched(NamedTuple):
    """The caches of the first `length` tokens, and why there are no more."""

    layers: Layers | None
    length: int
    miss: Miss | None


class PromptCache:
    """Computed prefixes, the least recently used ones dropped beyond `max_bytes`.

    What an interactive request left stays longer: while it is open, only other open conversations
    displace it, as long as all of them take no more than PINNED_SHARE of the bytes.
    """

    def __init__(self, max_bytes: int, disk: DiskCache | None = None) -> None:
        self.max_bytes = max_bytes
        self._disk = disk
        self._entries: list[_Entry] = []  # the most recently used last

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self._entries)

    def close(self, timeout: float) -> None:
        """Finish writing to the disk, within `timeout` seconds."""
        if self._disk is not None:
            self._disk.close(timeout)

    # --- Out -------------------------------------------------------------------------------------

    def fetch(self, tokens: Sequence[int], owner: str = "") -> Fetched:
        """A copy of the longest usable prefix.

        At least one token is always left to compute, for its logits start the answer.
        """
        wanted = np.asarray(tokens, dtype=np.int32)
        miss = self._miss(wanted, owner)
        best, length = self._best(wanted)
        if self._disk is not None:
            loaded, is_damaged = self._disk.load(wanted, more_than=max(length, MINIMUM - 1))
            if loaded is not None:
                best = self.keep(loaded)
                length = min(common(best.tokens, wanted), len(wanted) - 1)
            if is_damaged:
                miss = Miss(length, wanted[length : length + SHOWN].tolist(), None, damaged=True)
        if best is None:
            return Fetched(None, 0, miss)
        if best in self._entries:
            self._entries.remove(best)
            self._entries.append(best)
        layers = copy.deepcopy(best.layers)
        trim_prompt_cache(layers, len(best.tokens) - length)
        return Fetched(layers, length, miss)

    def _best(self, wanted: Tokens) -> tuple[_Entry | None, int]:
        best, best_length = None, MINIMUM - 1
        for entry in self._entries:
            length = min(common(entry.tokens, wanted), len(wanted) - 1)
            usable = length == len(entry.tokens) or can_trim_prompt_cache(entry.layers)
            if usable and length > best_length:
                best, best_length = entry, length
        return best, best_length if best else 0

    def read_ahead(self, tokens: Sequence[int]) -> Future[Loaded | None] | None:
        """Begin to read from the disk what `fetch` would wait for; None when there is nothing."""
        if self._disk is None:
            return None
        wanted = np.asarray(tokens, dtype=np.int32)
        return self._disk.read_ahead(wanted, more_than=max(self._best(wanted)[1], MINIMUM - 1))

    def keep(self, loaded: Loaded) -> _Entry:
        """Take in what `read_ahead` brought."""
        layers = loaded.layers_make()
        nbytes = sum(layer.nbytes for layer in layers)
        entry = _Entry(loaded.tokens, layers, nbytes, loaded.owner)
        self._put(entry)
        return entry

    def _miss(self, wanted: Tokens, owner: str) -> Miss | None:
        """Where the prompt leaves what is most like it; None when it just goes on from there, or
        when there is nothing to compare it with."""
        known = [(e.tokens, e.owner, can_trim_prompt_cache(e.layers)) for e in self._entries]
        if self._disk is not None:
            known += [(r.tokens, r.owner, r.kind != WHOLE) for r in self._disk.index]
        if not known:
            return None
        lengths = [common(tokens, wanted) for tokens, _, _ in known]
        length = max(lengths)
        nearest = [each for each, common_ in zip(known, lengths, strict=True) if common_ == length]
        longer = [each for each in nearest if len(each[0]) > length]
        can_cut = any(trimmable for _, _, trimmable in longer)
        is_whole = len(longer) < len(nearest)
        if not longer or (length >= len(wanted) - 1 if can_cut else is_whole):
            return None
        mine = next((tokens for tokens, whose, _ in longer if whose == owner), None)
        return Miss(
            position=length,
            wanted=wanted[length : length + SHOWN].tolist(),
            cached=None if mine is None else mine[length : length + SHOWN].tolist(),
            cannot_cut=not can_cut,
        )

    # --- In --------------------------------------------------------------------------------------

    def insert(
        self, tokens: Sequence[int], layers: Layers, *, owner: str = "", priority: int = AGENT
    ) -> None:
        """Keep what is computed for `tokens`. Prefixes of it become superfluous and go.

        What was computed for BATCH priority is not written to the disk.
        """
        if self.max_bytes <= 0 or len(tokens) < MINIMUM:
            return
        mx.eval([layer.state for layer in layers])  # else it would hold the batch's arrays
        nbytes = sum(layer.nbytes for layer in layers)
        if nbytes > self.max_bytes:
            return
        array = np.asarray(tokens, dtype=np.int32)
        open_until = time.monotonic() + OPEN_SECONDS if priority == INTERACTIVE else 0.0
        self._put(_Entry(array, layers, nbytes, owner, open_until))
        if self._disk is not None and priority < BATCH:
            self._disk.store(snapshot_take(array, layers, owner))

    def _put(self, new: _Entry) -> None:
        if new.nbytes > self.max_bytes:
            return
        trimmable = can_trim_prompt_cache(new.layers)
        kept = []
        for entry in self._entries:
            if superseded(entry.tokens, new.tokens, trimmable):
                new.open_until = max(new.open_until, entry.open_until)
            else:
                kept.append(entry)
        self._entries = [*kept, new]
        while self.nbytes > self.max_bytes:
            self._entries.remove(self._least_wanted())

    def _least_wanted(self) -> _Entry:
        """The least recently used entry that is not pinned. The most recently used open ones are
        pinned, as many as their share has room for: there is always another one."""
        now, room = time.monotonic(), self.max_bytes * PINNED_SHARE
        pinned = set()
        for entry in reversed(self._entries):
            if entry.open_until > now:
                room -= entry.nbytes
                if room < 0:
                    break
                pinned.add(id(entry))
        return next(entry for entry in self._entries if id(entry) not in pinned)


def prompt_cache_make(
    loaded: LoadedModel, options: JSON, is_busy: Callable[[], bool]
) -> PromptCache:
    """The cache that an engine's options ask for: "prompt_cache_bytes" (default: an eighth of the
    memory; 0 is off) and, for the disk, "prompt_cache_dir" and "prompt_cache_disk_bytes"."""
    max_bytes = int(options.get("prompt_cache_bytes", memory_total() // 8))
    folder, disk_bytes = options.get("prompt_cache_dir"), options.get("prompt_cache_disk_bytes")
    if not (max_bytes and folder and disk_bytes):
        return PromptCache(max_bytes)
    if not storable(make_prompt_cache(loaded.model)):
        logger.warning("the prompt cache stays in memory: the model has a kind of its own")
        return PromptCache(max_bytes)
    try:
        disk = DiskCache(Path(folder), fingerprint(loaded), int(disk_bytes), is_busy)
    except OSError as error:
        logger.warning("the prompt cache stays in memory: %s", error)
        return PromptCache(max_bytes)
    return PromptCache(max_bytes, disk)


def miss_text(miss: Miss | None, tokenizer: TokenizerWrapper) -> str:
    """A miss in words; "" for none."""
    if miss is None:
        return ""
    if miss.damaged:
        return f"from token {miss.position} on: the file with the rest was damaged"
    here = repr(tokenizer.decode(miss.wanted))
    there = "other text" if miss.cached is None else repr(tokenizer.decode(miss.cached))
    text = f"from token {miss.position} on: {here} here, {there} in the cache"
    return f"{text}, of which this model can use no part" if miss.cannot_cut else text
