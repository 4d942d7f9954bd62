"""One run in the hands of one thread of this process."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from django.db import DatabaseError, connections
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
from common.disk import RETRY_SECONDS, disk_full_seen
from common.text import storable

logger = logging.getLogger(__name__)

ABORT_SECONDS = 1.0  # a cancelled answer that has not ended by then is closed
GRACE_SECONDS = 3.0  # a cancelled loop that has not ended by then is left behind
DECISION_POLL_SECONDS = 1.0  # another process may have stored the decision
FINISH_TRIES = 3

WaitingContext = Callable[[], AbstractContextManager[None]]


class RunWork:
    """Drives the run's loop and writes its log. `room` is entered while the run only waits."""

    def __init__(self, run: Run, room: WaitingContext) -> None:
        self.run = run
        self.lease = run.lease_owner
        self.control = Control()
        self.writer = LogWriter(self._append)
        self.given_up = False  # ended by somebody else while its thread was stuck
        self._room = room

    def work(self) -> None:
        """From the first event to the end of the run; raises nothing that can be helped."""
        try:
            with self.control.governing():
                outcome = self._outcome()
            self.end(outcome, waits_for_room=True)
        except RunEnded:
            logger.info("Run %s was ended elsewhere", self.run.id)

    def end(self, outcome: RunOutcome, *, waits_for_room: bool = False) -> None:
        """Write what is pending, then end the run; tried again when the database fails, and for as
        long as it takes where the disk is full and the caller can wait."""
        tries_left = FINISH_TRIES
        while tries_left and not self.given_up:
            try:
                self.writer.flush()
                outcomes.finish(self.run.id, outcome, lease=self.lease)
                return
            except Exception as error:
                is_full = disk_full_seen(error, f"run {self.run.id}")
                if not is_full and not isinstance(error, DatabaseError):
                    raise
                tries_left -= not (is_full and waits_for_room)
                if not is_full:
                    logger.exception("Ending run %s failed; %d tries left", self.run.id, tries_left)
                connections.close_all()
                time.sleep(RETRY_SECONDS)

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
        self._append([LoopEvent(EventKind.STATE, {"state": Run.State.RUNNING.value})])
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
            self.writer.add(event)
        return None

    def _ask(self, event: LoopEvent) -> Decision | None:
        """Wait for a person's word; None when the run is cancelled meanwhile."""
        self.writer.flush()
        state = LoopEvent(EventKind.STATE, {"state": Run.State.WAITING.value})
        asked_at = self._append([event, state], Run.State.WAITING)
        with self._room():
            while not self.control.cancelled:
                decision = self._decision(storable(event.data["id"]), asked_at)
                if decision is not None:
                    return decision
                self.control.wait(DECISION_POLL_SECONDS)
        return None

    def _decision(self, call_id: str, after: int) -> Decision | None:
        decisions = Event.objects.filter(
            run_id=self.run.id, seq__gt=after, kind=EventKind.TOOL_DECISION
        )
        for data in decisions.values_list("data", flat=True):
            if data["id"] == call_id:
                return Decision(data["decision"] == "allow", data["arguments"])
        return None


def _resume(loop: Loop, answer: Decision | None) -> LoopEvent | None:
    """The loop's next event; None when it has ended."""
    try:
        return loop.send(answer)
    except StopIteration:
        return None
