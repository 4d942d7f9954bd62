"""The disk tier of the prompt cache: what outlives the process.

One folder a model (named by its fingerprint), one file a computed prefix or a further slice of one.
A thread writes them in the background. Trouble with the disk is logged, and costs a prefill.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np

from inference.mlx_worker.cache.file import (
    SLICES,
    WHOLE,
    Array,
    DamagedFile,
    Header,
    Layers,
    Snapshot,
    file_read,
    file_write,
    layers_make,
)
from inference.mlx_worker.cache.index import Index, Record, superseded
from inference.worker.tokens import Tokens

logger = logging.getLogger(__name__)

BUSY_RATE = 64 << 20  # bytes a second that are written while answers are being generated
PENDING_BYTES = 1 << 30  # beyond it the oldest of several that wait to be written are given up
RETRY_SECONDS = 60.0  # without writing, after the disk has refused


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What came from the disk for `tokens`. Any thread may read it; `layers_make` is for the one
    that goes on with it, for MLX's operations belong to the thread that asked for them."""

    tokens: Tokens
    owner: str
    header: Header
    arrays: list[tuple[str, mx.array]]

    def layers_make(self) -> Layers:
        return layers_make(self.header, self.arrays, len(self.tokens))


class DiskCache:
    """The stored prefixes of one model. `find`, `load` and `store` are for the engine's thread."""

    def __init__(
        self, root: Path, fingerprint: str, max_bytes: int, is_busy: Callable[[], bool]
    ) -> None:
        """Raises OSError when the folder cannot be made or read."""
        self.index = Index(root, fingerprint, max_bytes)
        self._fingerprint, self._is_busy = fingerprint, is_busy
        self._changed = threading.Condition()
        self._pending: list[Snapshot] = []
        self._closing = threading.Event()
        self._refused_until = 0.0
        self._ahead: dict[tuple[str, int], Future[Loaded | None]] = {}
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prompt cache reader")
        self._thread = threading.Thread(target=self._run, name="prompt cache", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Write what waits, for at most `timeout` seconds."""
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.warning("the prompt cache could not be written in %.1f s", timeout)

    # --- The engine's thread ---------------------------------------------------------------------

    def read_ahead(self, tokens: Tokens, more_than: int) -> Future[Loaded | None] | None:
        """Begin with what `load` does, on a thread of its own; None when there is nothing to read.

        A file that is damaged is left to `load`.
        """
        record, length = self.index.find(tokens)
        if record is None or length <= more_than:
            return None
        key = (record.path.name, length)
        future = self._ahead.get(key)
        if future is None:
            future = self._ahead[key] = self._reader.submit(_load_if_sound, record, length)
            future.add_done_callback(lambda _: self._ahead.pop(key, None))
        return future

    def load(self, tokens: Tokens, more_than: int) -> tuple[Loaded | None, bool]:
        """What is stored of the longest beginning of `tokens`, if that is longer than `more_than`,
        and whether a damaged file stood in the way. Such files are removed."""
        is_damaged = False
        while True:
            record, length = self.index.find(tokens)
            if record is None or length <= more_than:
                return None, is_damaged
            try:
                loaded = _load(record, length)
            except _Unreadable as error:
                self.index.forget(error.record, str(error))
                is_damaged = True
                continue
            record.touch()
            return loaded, is_damaged

    def store(self, snapshot: Snapshot) -> None:
        """Write it soon. What it goes on from need not be written any more."""
        with self._changed:
            if self._closing.is_set() or time.monotonic() < self._refused_until:
                return
            self._pending = [
                each
                for each in self._pending
                if not superseded(each.tokens, snapshot.tokens, snapshot.kind != WHOLE)
            ]
            self._pending.append(snapshot)
            while len(self._pending) > 1 and _nbytes(self._pending) > PENDING_BYTES:
                given_up = self._pending.pop(0)
                logger.info("the disk is slow: %d tokens are not stored", len(given_up.tokens))
            self._changed.notify_all()

    # --- The writer's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        """The newest goes first: it is the likeliest to be asked for again."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing.is_set())
                if not self._pending:
                    return
                snapshot = self._pending.pop()
            try:
                self._write(snapshot)
                self.index.evict()
            except OSError as error:
                self._refused(error)
            except Exception:
                logger.exception("%d tokens could not be stored", len(snapshot.tokens))

    def _refused(self, error: OSError) -> None:
        with self._changed:
            self._pending.clear()
            self._refused_until = time.monotonic() + RETRY_SECONDS
        logger.warning(
            "the prompt cache cannot be written: %s; trying again in %.0f s", error, RETRY_SECONDS
        )

    def _write(self, snapshot: Snapshot) -> None:
        end = len(snapshot.tokens)
        parent, start = self.index.parent(snapshot.tokens, snapshot.kind)
        if parent is not None and start == end:
            parent.touch()
            return
        header = Header(
            fingerprint=self._fingerprint,
            kind=snapshot.kind,
            tokens=snapshot.tokens[start:].tolist(),
            layers=snapshot.layers,
            start=start,
            parent=parent.path.name if parent else "",
            owner=snapshot.owner,
            state=snapshot.state,
        )
        arrays = [(code, np.asarray(values)) for code, values in snapshot.arrays]
        if snapshot.kind == SLICES:
            arrays = [(code, array[:, :, start:end]) for code, array in arrays]
        path = file_write(self.index.folder, header, arrays, self._pace)
        self.index.add(Record(path, snapshot.tokens, snapshot.kind, snapshot.owner, start, parent))

    def _pace(self, nbytes: int) -> None:
        if self._is_busy():
            self._closing.wait(nbytes / BUSY_RATE)


def _load_if_sound(record: Record, length: int) -> Loaded | None:
    try:
        return _load(record, length)
    except _Unreadable:
        return None


class _Unreadable(Exception):
    def __init__(self, record: Record, why: Exception) -> None:
        super().__init__(str(why))
        self.record = record


def _load(record: Record, length: int) -> Loaded:
    """The first `length` tokens of what is stored in slices; all of anything else."""
    end = length if record.kind == SLICES else len(record.tokens)
    stop = end
    parts: list[list[tuple[str, Array]]] = []
    for each in record.chain:
        if each.start >= stop:
            continue
        try:
            header, arrays = file_read(each.path)
        except (DamagedFile, OSError) as error:
            raise _Unreadable(each, error) from error
        if record.kind == SLICES:
            arrays = [(code, array[:, :, : stop - each.start]) for code, array in arrays]
        parts.insert(0, arrays)
        stop = each.start
    joined = [(code, mx.array(array)) for code, array in _joined(parts)]
    return Loaded(record.tokens[:end], record.owner, header, joined)


def _joined(parts: list[list[tuple[str, Array]]]) -> list[tuple[str, Array]]:
    """Slices of the same arrays, put together along their positions."""
    if len(parts) == 1:
        return parts[0]
    return [
        (pieces[0][0], np.concatenate([array for _, array in pieces], axis=2))
        for pieces in zip(*parts, strict=True)
    ]


def _nbytes(pending: list[Snapshot]) -> int:
    return sum(snapshot.nbytes for snapshot in pending)
