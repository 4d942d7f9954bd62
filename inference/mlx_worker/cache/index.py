"""What the files of the prompt cache hold, known without reading more than their headers.

The time of a file's last use is its modification time, so that the least recently used go first,
whichever process and model they belong to. A parent is always newer than what goes on from it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.mlx_worker.cache.file import (
    FILE,
    SLICES,
    TEMPORARY,
    WHOLE,
    DamagedFile,
    Header,
    header_read,
)
from inference.worker.tokens import Tokens, common

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Record:
    """A stored prefix. `tokens` are all of them from the beginning, `start` is where its own file
    begins; what is before is in its parents' files."""

    path: Path
    tokens: Tokens
    kind: str
    owner: str
    start: int = 0
    parent: Record | None = None

    @property
    def chain(self) -> Iterator[Record]:
        """Itself, its parent, and so on to the beginning."""
        record: Record | None = self
        while record is not None:
            yield record
            record = record.parent

    @property
    def cost(self) -> int:
        """How many positions must be read to have it."""
        return sum(len(record.tokens) - record.start for record in self.chain)

    def usable(self, length: int) -> bool:
        """Whether its first `length` tokens are of use without the rest."""
        return self.kind != WHOLE or length == len(self.tokens)

    def touch(self) -> None:
        """Note the use."""
        now = time.time_ns()
        for number, each in enumerate(self.chain):
            try:
                os.utime(each.path, ns=(now + number, now + number))
            except OSError as error:
                logger.info("prompt cache: %s cannot be touched: %s", each.path.name, error)


class Index:
    """The records of one model's folder. Its methods may be called from any thread."""

    def __init__(self, root: Path, fingerprint: str, max_bytes: int) -> None:
        """Raises OSError when the folder cannot be made or read."""
        self.folder = root / fingerprint
        self._root, self._fingerprint, self._max_bytes = root, fingerprint, max_bytes
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}  # by file name
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._read()
        self.evict()

    def __iter__(self) -> Iterator[Record]:
        with self._lock:
            return iter(list(self._records.values()))

    def find(self, tokens: Tokens) -> tuple[Record | None, int]:
        """The record with the longest usable common beginning, and its length. One token of
        `tokens` is left out of it, for its logits start the answer."""
        best, best_length = None, 0
        for record in self:
            length = min(common(record.tokens, tokens), len(tokens) - 1)
            if length < best_length or not length or not record.usable(length):
                continue
            if best is None or length > best_length or record.cost < best.cost:
                best, best_length = record, length
        return best, best_length

    def parent(self, tokens: Tokens, kind: str) -> tuple[Record | None, int]:
        """What a prefix can be stored as a continuation of, and from where on; (None, 0) to store
        it from its beginning. One that is not stored in slices continues nothing but itself.

        A parent of which less than half would be used costs more to read than it saves.
        """
        best, best_length = None, 0
        for record in self:
            if record.kind != kind:
                continue
            length = common(record.tokens, tokens)
            if kind != SLICES and not length == len(record.tokens) == len(tokens):
                continue
            if length > best_length or (best and length == best_length and record.cost < best.cost):
                best, best_length = record, length
        while best and best.parent and best.start >= best_length:
            best = best.parent
        if best is None or 2 * best_length < best.cost:
            return None, 0
        return best, best_length

    def add(self, record: Record) -> None:
        """A new file. Whole ones of which it holds all are removed; slices hold nothing twice."""
        with self._lock:
            self._records[record.path.name] = record
        record.touch()
        if record.kind != SLICES:
            self._drop(
                lambda old: (
                    old is not record
                    and superseded(old.tokens, record.tokens, record.kind != WHOLE)
                )
            )

    def forget(self, record: Record, why: str) -> None:
        """Remove a file, and those that go on from it."""
        logger.warning("prompt cache: %s is removed: %s", record.path.name, why)
        self._drop(lambda each: record in each.chain)

    def evict(self) -> None:
        """Within the limit again, over all models: the least recently used go."""
        files = sorted(_files(self._root), key=lambda entry: entry[1].st_mtime_ns)
        excess = sum(status.st_size for _, status in files) - self._max_bytes
        gone: list[Path] = []
        for path, status in files:
            if excess <= 0:
                break
            excess -= status.st_size
            gone.append(path)
        if gone:
            _unlink(gone)
            names = {path.name for path in gone}
            self._drop(lambda each: any(parent.path.name in names for parent in each.chain))

    def _drop(self, unwanted: Callable[[Record], bool]) -> None:
        with self._lock:
            gone = [record for record in self._records.values() if unwanted(record)]
            for record in gone:
                del self._records[record.path.name]
        _unlink(record.path for record in gone)

    # --- The start -------------------------------------------------------------------------------

    def _read(self) -> None:
        """Learn what is stored. Whatever else is in the folder, which is ours alone, goes."""
        headers: dict[Path, Header] = {}
        for entry in os.scandir(self.folder):
            path = Path(entry.path)
            if not entry.is_file(follow_symlinks=False) or _is_being_written(path.name):
                continue
            try:
                headers[path] = self._header(path)
            except (DamagedFile, OSError) as error:
                logger.warning("prompt cache: %s is removed: %s", path.name, error)
                _unlink([path])
        for path, header in sorted(headers.items(), key=lambda item: item[1].start):
            self._add_found(path, header)

    def _header(self, path: Path) -> Header:
        if TEMPORARY.fullmatch(path.name):
            raise DamagedFile("its writing was interrupted")
        if not FILE.fullmatch(path.name):
            raise DamagedFile("it is not one of the prompt cache's")
        header = header_read(path)
        if header.fingerprint != self._fingerprint:
            raise DamagedFile("it belongs to another model")
        return header

    def _add_found(self, path: Path, header: Header) -> None:
        parent = self._records.get(header.parent)
        tokens = np.asarray(header.tokens, dtype=np.int32)
        if header.start:
            if parent is None or header.start > len(parent.tokens):
                logger.warning(
                    "prompt cache: %s is removed: what it goes on from is gone", path.name
                )
                _unlink([path])
                return
            tokens = np.concatenate([parent.tokens[: header.start], tokens])
        self._records[path.name] = Record(
            path, tokens, header.kind, header.owner, header.start, parent
        )


def superseded(old: Tokens, new: Tokens, new_is_trimmable: bool) -> bool:
    """Whether the caches of `new` serve for all that those of `old` do."""
    if len(old) > len(new) or (len(old) < len(new) and not new_is_trimmable):
        return False
    return common(old, new) == len(old)


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("prompt cache: %s cannot be removed: %s", path.name, error)


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in root.glob("*/*.safetensors"):
        try:
            if FILE.fullmatch(path.name):
                yield path, path.stat()
        except FileNotFoundError:
            continue  # another process was faster


def _is_being_written(name: str) -> bool:
    """Whether it is a temporary file whose writer, another process, lives."""
    match = TEMPORARY.fullmatch(name)
    if match is None or int(match["pid"]) == os.getpid():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
