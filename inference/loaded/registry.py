"""The models that this process has loaded: each once, within the memory there is.

A `Slot` is one model on its way in, in use, or on its way out. What happens to it is mirrored in
its `LanguageModel` row, so that every page and process can see it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone

from common.cancellation import cancellable, wait_for
from common.errors import CortexError, RequestCancelled
from inference.engines.base import Engine
from inference.errors import ModelBusy, ModelLoadFailed
from inference.library import sources
from inference.loaded.make import engine_config, engine_make
from inference.loaded.slots import (
    ProgressMirror,
    Slot,
    gigabytes,
    mirror,
    no_room,
    speed_note,
    too_large,
)
from inference.models import LanguageModel

logger = logging.getLogger(__name__)
State = LanguageModel.State

ROOM_WAIT = 30.0  # seconds to wait for a model that is answering to become free for eviction
NOTE_EVERY = 10.0  # seconds between two writes of last_used_at


class Registry:
    """Loads models on demand, once for all who ask at the same time; evicts and unloads them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._slots: dict[str, Slot] = {}
        self._reaper: threading.Thread | None = None

    # --- Use -------------------------------------------------------------------------------------

    def acquire(self, row: LanguageModel) -> Slot:
        """The model's slot, loaded, and kept so until `release`. Blocks while it loads.

        Raises what the load raised; RequestCancelled when the caller's scope is closed meanwhile.
        """
        slot = self._enter(row)
        try:
            wait_for(slot.ready)
            self._touch(slot)
        except BaseException:
            self.release(slot)
            raise
        return slot

    def release(self, slot: Slot) -> None:
        """Give back what `acquire` gave."""
        with self._changed:
            slot.active -= 1
            slot.used_at = time.monotonic()
            self._changed.notify_all()

    def load_start(self, row: LanguageModel) -> Slot:
        """Begin to load; nobody waits. How it goes stands in the row."""
        slot = self._enter(row)
        slot.ready.add_done_callback(lambda _: self.release(slot))
        return slot

    def _enter(self, row: LanguageModel) -> Slot:
        """Join the slot of the model, or open one and begin to load."""
        while True:
            with self._changed:
                slot = self._slots.get(row.name)
                if slot is None:
                    slot = self._slots[row.name] = Slot(row.name, active=1)
                    break
                if not slot.leaving:
                    slot.active += 1
                    return slot
            slot.gone.wait()
        self._begin(slot, row)
        return slot

    def _begin(self, slot: Slot, row: LanguageModel) -> None:
        """A remote engine needs no loading and is made at once, anything else on its own thread."""
        if row.source == LanguageModel.Source.REMOTE:
            self._bring_up(slot, row)
            return
        thread = threading.Thread(
            target=self._bring_up_thread, args=(slot, row), name=f"load {row.name}", daemon=True
        )
        try:
            self._start_reaper()
            mirror(row.name, state=State.LOADING, stage="", progress=0.0, last_error="")
            thread.start()
        except Exception as error:
            logger.exception("Loading %s could not begin", slot.name)
            self._failed(slot, ModelLoadFailed(f"Loading {slot.name} could not begin: {error}"))

    def _touch(self, slot: Slot) -> None:
        """Note the use in the row, now and then."""
        if time.monotonic() - slot.noted_at > NOTE_EVERY:
            slot.noted_at = time.monotonic()
            mirror(slot.name, last_used_at=timezone.now())

    # --- Loading ---------------------------------------------------------------------------------

    def _bring_up_thread(self, slot: Slot, row: LanguageModel) -> None:
        try:
            with cancellable(slot.scope):
                self._bring_up(slot, row)
        finally:
            connections.close_all()

    def _bring_up(self, slot: Slot, row: LanguageModel) -> None:
        try:
            engine = self._load(slot, row)
        except CortexError as error:
            self._failed(slot, error)
        except BaseException as error:  # whatever it is, somebody waits for the end of this
            logger.exception("Loading %s failed", slot.name)
            self._failed(slot, ModelLoadFailed(f"Loading {slot.name} failed: {error}"))
        else:
            slot.ready.set_result(engine)

    def _load(self, slot: Slot, row: LanguageModel) -> Engine:
        progress = ProgressMirror(slot.name)
        row = _read_again(row)
        located = sources.fetch(row, progress)
        self._make_room(slot, max(located.weight_bytes, row.memory_bytes))
        engine = engine_make(
            engine_config(row, located),
            lambda state, error: self._engine_changed(slot, state, error),
        )
        try:
            self._start(slot, engine, progress, located.weight_bytes)
        except BaseException:
            engine.unload()
            raise
        return engine

    def _start(self, slot: Slot, engine: Engine, progress: ProgressMirror, size: int) -> None:
        """Load, see whether it fits (only now is known what it takes), and let it in."""
        forget = slot.scope.add(engine.unload)
        try:
            description = engine.load(progress)
        finally:
            forget()
        memory = engine.memory_bytes()
        self._make_room(slot, memory)
        mirror(
            slot.name,
            state=State.LOADED,
            stage="",
            progress=1.0,
            last_error="",
            size_bytes=size,
            memory_bytes=memory,
            context_length=description.context_length,
            parameters=description.parameters,
            abilities=list(description.abilities),
            **_runtime(engine),
        )
        with self._changed:
            if slot.scope.closed:
                raise RequestCancelled(f"Loading {slot.name} was given up.")
            slot.engine = engine
        logger.info("Loaded %s (%s)", slot.name, gigabytes(memory))

    def _failed(self, slot: Slot, error: CortexError) -> None:
        """The slot is closed, whoever waits gets the error, and the row tells."""
        try:
            if slot.scope.closed:
                error = ModelBusy(f"{slot.name} was unloaded while it was loading.")
                mirror(slot.name, state=State.UNLOADED, stage="", progress=0.0)
            else:
                logger.warning("%s: %s", slot.name, error)
                mirror(slot.name, state=State.FAILED, stage="", progress=0.0, last_error=str(error))
        finally:
            self._remove(slot)
            slot.ready.set_exception(error)

    def _remove(self, slot: Slot) -> None:
        with self._changed:
            if self._slots.get(slot.name) is slot:
                del self._slots[slot.name]
            slot.gone.set()
            self._changed.notify_all()

    def _engine_changed(self, slot: Slot, state: str, error: str) -> None:
        """An engine restarted or gave up after a crash; called on a thread of its own."""
        if slot.leaving:
            return
        try:
            mirror(
                slot.name,
                state=state,
                stage="",
                progress=float(state == State.LOADED),
                last_error=error,
                **(_runtime(slot.engine) if state == State.LOADED and slot.engine else {}),
            )
        finally:
            if state == State.FAILED:
                self._remove(slot)
            connections.close_all()

    # --- Memory ----------------------------------------------------------------------------------

    def _make_room(self, slot: Slot, need: int) -> None:
        """Reserve `need` bytes for the slot; models that were used least recently make way."""
        limit = settings.MODEL_MEMORY_LIMIT
        if limit and need > limit:
            raise too_large(slot.name, need, limit)
        deadline = time.monotonic() + ROOM_WAIT
        while True:
            with self._changed:
                used = sum(other.memory for other in self._slots.values() if other is not slot)
                if not limit or used + need <= limit:
                    slot.reserved = need
                    return
                victim = self._least_recent(slot)
                if victim is None and not self._wait_for_change(slot, deadline):
                    raise no_room(slot.name, need, limit - used)
            if victim:
                logger.info("Unloading %s to make room for %s", victim.name, slot.name)
                self._take_down(victim)

    def _wait_for_change(self, slot: Slot, deadline: float) -> bool:
        """Until something is released or unloaded; False when it is too late, or given up."""
        if slot.scope.closed:
            raise RequestCancelled(f"Loading {slot.name} was given up.")
        self._changed.wait(timeout=0.2)
        return time.monotonic() < deadline

    def _least_recent(self, newcomer: Slot) -> Slot | None:
        """The loaded model that nobody uses and that was used longest ago; marked as leaving."""
        idle = [s for s in self._slots.values() if s.loaded and not s.active and s.reserved]
        victim = min((s for s in idle if s is not newcomer), key=lambda s: s.used_at, default=None)
        if victim:
            victim.leaving = True
        return victim

    # --- Unloading -------------------------------------------------------------------------------

    def unload(self, name: str) -> None:
        """End the model, and its running answers with it; a load under way is given up."""
        with self._changed:
            slot = self._slots.get(name)
            if slot is None:
                return
            mine = slot.loaded
            if mine:
                slot.leaving = True
        if mine:
            self._take_down(slot)
            return
        slot.scope.close()
        slot.gone.wait()

    def _take_down(self, slot: Slot) -> None:
        """For the one who set `leaving`."""
        try:
            mirror(slot.name, state=State.UNLOADING)
            if slot.engine:
                slot.engine.unload()
                if slot.tokens_per_second:
                    speed_note(slot.name, slot.engine.config.engine, slot.tokens_per_second)
        finally:
            try:
                mirror(slot.name, state=State.UNLOADED, stage="", progress=0.0)
            finally:
                self._remove(slot)

    def shutdown(self) -> None:
        """Unload everything."""
        for name in list(self._slots):
            try:
                self.unload(name)
            except Exception:
                logger.exception("Unloading %s failed", name)

    def _start_reaper(self) -> None:
        with self._changed:
            if self._reaper is None:
                reaper = threading.Thread(target=self._reap, name="idle models", daemon=True)
                reaper.start()
                self._reaper = reaper

    def _reap(self) -> None:
        """Unload what was idle for longer than MODEL_IDLE_TIMEOUT, for as long as we live."""
        while True:
            timeout = settings.MODEL_IDLE_TIMEOUT
            time.sleep(max(0.2, min(timeout / 4 or 30, 30)))
            for slot in self._idle(timeout) if timeout else ():
                logger.info("Unloading %s: not used for %s s", slot.name, timeout)
                try:
                    self._take_down(slot)
                except Exception:
                    logger.exception("Unloading %s failed", slot.name)
            connections.close_all()

    def _idle(self, timeout: float) -> list[Slot]:
        with self._changed:
            since = time.monotonic() - timeout
            idle = [
                slot
                for slot in self._slots.values()
                if slot.loaded and slot.reserved and not slot.active and slot.used_at < since
            ]
            for slot in idle:
                slot.leaving = True
        return idle

    # --- Looking ---------------------------------------------------------------------------------

    def loaded(self) -> list[Slot]:
        """The models that can answer now."""
        return [slot for slot in list(self._slots.values()) if slot.loaded]

    def slot(self, name: str) -> Slot | None:
        """The model's slot, loaded or on its way."""
        return self._slots.get(name)

    def memory_used(self) -> int:
        """Bytes that all models take, or are let in with."""
        return sum(slot.memory for slot in list(self._slots.values()))

    @contextmanager
    def use(self, row: LanguageModel) -> Iterator[Slot]:
        """`acquire` and `release`."""
        slot = self.acquire(row)
        try:
            yield slot
        finally:
            self.release(slot)


def _read_again(row: LanguageModel) -> LanguageModel:
    """The row as it is now: whoever asked may have read it before somebody chose another engine.
    Where the database fails, it loads as it was read."""
    try:
        return LanguageModel.objects.filter(pk=row.pk).first() or row
    except DatabaseError as error:
        logger.warning("%s is loaded as its row was: %s", row.name, error)
        return row


def _runtime(engine: Engine) -> dict[str, Any]:
    """What computes, for the row; a process that died may have a plainer successor."""
    description = engine.describe()
    return {
        "runtime": description.runtime,
        "runtime_notes": list(description.runtime_notes),
    }


REGISTRY = Registry()
