"""One run in the hands of one thread of this process."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import connections
from django.utils.module_loading import import_string

from agents.errors import RunEnded
from agents.kinds import KINDS
from agents.log import events
from agents.log.coalescing import PIECES, LogWriter
from agents.loops.contract import Decision, EventKind, Loop, LoopEvent
from agents.loops.control import Control
from agents.models import Event, Run
from agents.work import outcomes
from agents.work.outcomes import RunOutcome
from common.disk import disk_full_seen, is_disk_full
from common.text import storable

logger = logging.getLogger(__name__)

ABORT_SECONDS = 1.0  # a cancelled answer that has not ended by then is closed
GRACE_SECONDS = 3.0  # a cancelled loop that has not ended by then is left behind
DECISION_POLL_SECONDS = 1.0  # another process may have stored the decision
TRIES, TRY_AGAIN_SECONDS = 3, 1.0  # of a write that the database refuses

T = TypeVar("T")
WaitingContext = Callable[[], AbstractContextManager[None]]


class RunWork:
    """Drives the run's loop and writes its log. `room` is entered while the run only waits."""

    def __init__(self, run: Run, room: WaitingContext) -> None:
        self.run = run
        self.lease = run.lease_owner
        self.control = Control()
        self.writer = LogWriter(self._append)
        self.given_up = False  # ended by somebody else while its thread was stuck
        self.owed: RunOutcome | None = None  # an end that the database did not take
        self._room = room

    def work(self) -> None:
        """From the first event to the end of the run; raises nothing that can be helped."""
        try:
            with self.control.governing():
                outcome = self._outcome()
            self.end(outcome)
        except RunEnded:
            logger.info("Run %s was ended elsewhere", self.run.id)

    def end(self, outcome: RunOutcome) -> None:
        """Write what is pending, then end the run; tried again when the database fails. What it
        does not take even so, as while the disk is full, is `owed`, and made up for with
        `settle`."""
        self.owed = outcome
        try:
            patiently(self.settle)
        except Exception as error:
            if not may_pass(error):
                raise
            if not disk_full_seen(error, f"run {self.run.id}"):
                logger.exception("The end of run %s is written later", self.run.id)

    def settle(self) -> None:
        """Write the end that is owed. Raises what the database raises, and RunEnded."""
        if self.owed is None:
            return
        try:
            self.writer.flush()
            outcomes.finish(self.run.id, self.owed, lease=self.lease)
        except RunEnded:
            self.owed = None
            raise
        self.owed = None

    def _append(self, batch: Sequence[LoopEvent], state: Run.State | None = None) -> int:
        return events.append(self.run.id, batch, lease=self.lease, state=state)

    def _outcome(self) -> RunOutcome:
        try:
            return self._drive()
        except RunEnded:
            raise
        except Exception as error:  # noqa: BLE001 - told to the client, and logged by `failed`
            if self.control.cancelled:
                return outcomes.STOPPED
            return outcomes.failed(error, self.run.id)

    def _drive(self) -> RunOutcome:
        loop: Loop = import_string(KINDS[self.run.kind].loop)(self.run)
        begun = LoopEvent(EventKind.STATE, {"state": Run.State.RUNNING.value})
        patiently(lambda: self._append([begun]))
        finish_reason = "stop"
        with contextlib.closing(loop):
            event = _resume(loop, None)
            while event is not None and event.kind != EventKind.DONE and self._goes_on(event):
                event = _resume(loop, self._take(event))
            if event is not None:
                finish_reason = event.data.get("finish_reason", finish_reason)
        return outcomes.STOPPED if self.control.cancelled else outcomes.completed(finish_reason)

    def _goes_on(self, event: LoopEvent) -> bool:
        """After a cancellation only until the usage has come, which follows the last text."""
        if not self.control.cancelled or event.kind == EventKind.USAGE:
            return True
        return event.kind in PIECES and self.control.cancelled_for() < GRACE_SECONDS

    def _take(self, event: LoopEvent) -> Decision | None:
        """Store the event; gives what the loop is to be told about it."""
        if event.kind == EventKind.TOOL_CALL and event.data.get("state") == "waiting":
            return self._ask(event)
        if not self.control.cancelled or event.kind == EventKind.USAGE:  # late text is dropped
            self._write(event)
        return None

    def _write(self, event: LoopEvent) -> None:
        try:
            self.writer.add(event)
        except DatabaseError:
            patiently(self.writer.flush)  # the event is pending there

    def _ask(self, event: LoopEvent) -> Decision | None:
        """Wait for a person's word; None when the run is cancelled meanwhile."""
        patiently(self.writer.flush)
        state = LoopEvent(EventKind.STATE, {"state": Run.State.WAITING.value})
        asked_at = patiently(lambda: self._append([event, state], Run.State.WAITING))
        with self._room():
            while not self.control.cancelled:
                decision = self._decision(storable(event.data["id"]), asked_at)
                if decision is not None:
                    return decision
                self.control.wait(DECISION_POLL_SECONDS)
        return None

    def _decision(self, call_id: str, after: int) -> Decision | None:
        try:
            return self._stored_decision(call_id, after)
        except DatabaseError as error:
            logger.warning("Run %s cannot look for a decision now: %s", self.run.id, error)
            connections.close_all()
            return None

    def _stored_decision(self, call_id: str, after: int) -> Decision | None:
        decisions = Event.objects.filter(
            run_id=self.run.id, seq__gt=after, kind=EventKind.TOOL_DECISION
        )
        for data in decisions.values_list("data", flat=True):
            if data["id"] == call_id:
                return Decision(data["decision"] == "allow", data["arguments"])
        return None


def may_pass(error: Exception) -> bool:
    """Tell whether the same write may be taken later: the database fails, or the disk is full."""
    return isinstance(error, DatabaseError) or is_disk_full(error)


def patiently(write: Callable[[], T]) -> T:
    """Call a write that the database may refuse for a moment, so often as makes sense."""
    for _ in range(TRIES - 1):
        try:
            return write()
        except Exception as error:
            if not may_pass(error):
                raise
            if not disk_full_seen(error, "a run"):
                logger.warning("The database refused a write, which is tried again: %s", error)
            connections.close_all()
            time.sleep(TRY_AGAIN_SECONDS)
    return write()


def _resume(loop: Loop, answer: Decision | None) -> LoopEvent | None:
    """The loop's next event; None when it has ended."""
    try:
        return loop.send(answer)
    except StopIteration:
        return None
