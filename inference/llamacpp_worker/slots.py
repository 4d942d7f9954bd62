"""The slots of llama.cpp's server: what each has computed, and who gets which.

A slot keeps what it has computed for its last request, so a conversation goes on where it stood.
Beyond that it is written to the disk when the engine is idle, and read back when a prompt begins
so and no slot knows it: after a restart, or when other conversations have taken its place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zlib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from common.types import JSON
from inference.llamacpp_worker.server import LlamaServer, ServerRefused
from inference.worker.tokens import Tokens, common, tokens_of

logger = logging.getLogger(__name__)

LEAST_TOKENS = 64  # shorter beginnings are computed faster than they are read
OTHERS_WORTH = 0.25  # a token of somebody else's conversation, beside one that is saved here
RETRY_SECONDS = 60.0  # without writing, after the disk has refused
IDLE_TOKENS = 1024  # of conversations that nobody goes on with right now
DATA, ABOUT = ".slot", ".json"


@dataclass(eq=False, slots=True)
class Slot:
    """One place of the server. `stored` when the disk has its tokens; `leaving` when its answer has
    ended, and the server has not let go of it yet."""

    index: int
    tokens: Tokens = field(default_factory=lambda: tokens_of([]))
    used_at: float = 0.0
    busy: bool = False
    leaving: bool = False
    stored: bool = True


class SlotTable:
    """Chooses slots, and keeps what they hold on the disk."""

    def __init__(self, server: LlamaServer, count: int, store: SlotStore | None) -> None:
        self._server, self._store = server, store
        self._slots = [Slot(index) for index in range(count)]
        self._refused_until = 0.0

    def take(self, tokens: Tokens) -> Slot | None:
        """A free slot for a prompt, the one that knows most of it. None when all are busy, or the
        one that knows most will be free in a moment: an agent's next step comes that soon."""
        free = [slot for slot in self._slots if not slot.busy]
        if not free:
            return None
        best = max(free, key=lambda slot: (self._worth(slot, tokens), -slot.used_at))
        worth = max(self._worth(best, tokens), 0) + LEAST_TOKENS
        if any(slot.leaving and self._worth(slot, tokens) > worth for slot in self._slots):
            return None
        if self._worth(best, tokens) <= 0:
            best = min(free, key=lambda slot: (len(slot.tokens) > 0, slot.used_at))
        known = common(best.tokens, tokens)
        if self._store and (record := self._store.find(tokens, more_than=known + LEAST_TOKENS)):
            self._restore(best, record)
        best.busy, best.used_at = True, time.monotonic()
        return best

    @staticmethod
    def _worth(slot: Slot, tokens: Tokens) -> float:
        known = common(slot.tokens, tokens)
        return known - OTHERS_WORTH * (len(slot.tokens) - known)

    def _restore(self, slot: Slot, record: Record) -> None:
        assert self._store is not None
        if not self._store.is_sound(record):
            self._store.forget(record, "it is damaged")
            return
        try:
            self._server.post(f"/slots/{slot.index}?action=restore", {"filename": record.data.name})
        except (ServerRefused, OSError) as error:
            self._store.forget(record, str(error))
            slot.tokens = tokens_of([])
            return
        slot.tokens, slot.stored = record.tokens, True
        self._store.touch(record)

    def leave(self, slot: Slot, tokens: Tokens) -> None:
        """Its answer has ended, and the slot has computed `tokens`; the server has it still."""
        slot.leaving = True
        slot.stored = slot.stored and common(slot.tokens, tokens) == len(tokens)
        slot.tokens = tokens

    def give_back(self, slot: Slot, tokens: Tokens) -> None:
        """The server is done with it."""
        self.leave(slot, tokens)
        slot.busy = slot.leaving = False
        slot.used_at = time.monotonic()

    @property
    def unsaved(self) -> bool:
        """Whether `save` has something to do."""
        if self._store is None or time.monotonic() < self._refused_until:
            return False
        return any(self._is_worth_saving(slot) for slot in self._slots)

    @staticmethod
    def _is_worth_saving(slot: Slot) -> bool:
        return not slot.busy and not slot.stored and len(slot.tokens) >= LEAST_TOKENS

    def save(self) -> None:
        """Write the slot that was used last and is not on the disk yet."""
        waiting = [slot for slot in self._slots if self._is_worth_saving(slot)]
        if self._store is None or not waiting:
            return
        slot = max(waiting, key=lambda slot: slot.used_at)
        slot.stored = True  # tried once: a disk that refuses is not asked again and again
        try:
            self._store.write(self._server, slot)
        except (ServerRefused, OSError) as error:
            self._refused_until = time.monotonic() + RETRY_SECONDS
            logger.warning("a conversation could not be kept on the disk: %s", error)

    def trim(self) -> None:
        """Empty idle slots whose tokens the disk has, those that were used longest ago: whatever
        lies in the context that all share makes every step of every answer slower."""
        if self._store is None:
            return
        idle = [slot for slot in self._slots if not slot.busy and len(slot.tokens)]
        kept = 0
        for slot in sorted(idle, key=lambda slot: -slot.used_at):
            kept += len(slot.tokens)
            if kept > max(IDLE_TOKENS, len(slot.tokens)) and self._store.has(slot.tokens):
                self._empty(slot)
                kept -= len(slot.tokens)

    def _empty(self, slot: Slot) -> None:
        try:
            self._server.post(f"/slots/{slot.index}?action=erase", {})
        except (ServerRefused, OSError) as error:
            logger.warning("a slot could not be emptied: %s", error)
            return
        slot.tokens, slot.stored = tokens_of([]), True


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What the disk has of one conversation."""

    data: Path
    tokens: Tokens
    size: int
    checksum: int


class SlotStore:
    """The folder of one model. Raises OSError when it cannot be made or read."""

    def __init__(self, root: Path, model: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.folder = root / f"llamacpp-{_fingerprint(model)}"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._records = [
            record for path in self.folder.glob(f"*{ABOUT}") if (record := _read(path))
        ]
        known = {record.data for record in self._records}
        for path in self.folder.glob(f"*{DATA}"):
            if path not in known:
                path.unlink(missing_ok=True)  # half written

    def find(self, tokens: Tokens, *, more_than: int) -> Record | None:
        """The record that knows most of the prompt, if it is more than that many tokens."""
        best = max(self._records, key=lambda record: common(record.tokens, tokens), default=None)
        if best is None or common(best.tokens, tokens) <= more_than:
            return None
        return best

    def has(self, tokens: Tokens) -> bool:
        """Whether a record begins so."""
        return self.find(tokens, more_than=len(tokens) - 1) is not None

    def is_sound(self, record: Record) -> bool:
        """Whether the file holds what was written."""
        try:
            return _checksum(record.data) == record.checksum
        except OSError:
            return False

    def write(self, server: LlamaServer, slot: Slot) -> None:
        """Raises ServerRefused or OSError when it cannot be written."""
        data = self.folder / f"{time.time_ns():x}-{slot.index}{DATA}"
        try:
            saved = server.post(f"/slots/{slot.index}?action=save", {"filename": data.name})
            if saved["n_saved"] < len(slot.tokens):  # the server needed its room for others
                slot.tokens = tokens_of([])
                data.unlink(missing_ok=True)
                return
            record = Record(data, slot.tokens, data.stat().st_size, _checksum(data))
            tokens = slot.tokens.tolist()
            about = {"tokens": tokens, "size": record.size, "checksum": record.checksum}
            _write(data.with_suffix(ABOUT), about)
        except (ServerRefused, OSError):
            data.unlink(missing_ok=True)
            raise
        for older in [r for r in self._records if common(r.tokens, slot.tokens) == len(r.tokens)]:
            self.forget(older)
        self._records.append(record)
        self._prune()

    def _prune(self) -> None:
        """The least recently used go first."""
        self._records.sort(key=lambda record: record.data.stat().st_mtime_ns)
        while len(self._records) > 1 and sum(r.size for r in self._records) > self._max_bytes:
            self.forget(self._records[0])

    def touch(self, record: Record) -> None:
        """It was used now."""
        record.data.touch()

    def forget(self, record: Record, because: str = "") -> None:
        """Remove a record and its files."""
        if because:
            logger.warning("%s of the prompt cache is removed: %s", record.data.name, because)
        self._records.remove(record)
        record.data.with_suffix(ABOUT).unlink(missing_ok=True)
        record.data.unlink(missing_ok=True)


def _fingerprint(model: Path) -> str:
    status = model.stat()
    parts = [version("xllamacpp"), model.name, status.st_size, status.st_mtime_ns]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read(path: Path) -> Record | None:
    """The record of a description; None, and the file goes, when it is not one."""
    try:
        about: JSON = json.loads(path.read_text())
        data = path.with_suffix(DATA)
        if data.stat().st_size != about["size"]:
            raise ValueError("the size has changed")
        return Record(data, tokens_of(about["tokens"]), about["size"], about["checksum"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s of the prompt cache is removed: %s", path.name, error)
        path.unlink(missing_ok=True)
        return None


def _write(path: Path, about: JSON) -> None:
    """All at once: what is half written must not be taken for whole."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(about, separators=(",", ":")))
    partial.rename(path)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum
