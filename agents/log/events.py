"""The log of a run. `append` is its only writer; everybody reads it "after seq N"."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.models import F

from agents.errors import RunEnded
from agents.log import wakeups
from agents.loops.contract import EventKind, LoopEvent
from agents.models import Event, Run, Step
from common.disk import disk_full_seen
from common.text import storable
from common.types import JSON

logger = logging.getLogger(__name__)
T = TypeVar("T")

POLL_SECONDS = 2.0  # the safety net under the wake-ups
BATCH = 500  # events a reader takes at once

# Readers have threads of their own: Django's single thread for synchronous work under asyncio may
# be busy with a slow page, and a thread that stays keeps its database connection.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="log-reader")


def append(
    run_id: UUID,
    events: Sequence[LoopEvent],
    *,
    lease: str | None = None,
    state: Run.State | None = None,
) -> int:
    """Number the events, store them and wake the readers; give the last number.

    `state` becomes the run's state in the same transaction.

    The run's row is the lock: its counter is raised in the transaction that stores the events, so
    numbers have no gap and no reader sees a later event before an earlier one. Raises RunEnded when
    the run is over, or no longer held by `lease`.
    """
    with transaction.atomic():
        rows = Run.objects.filter(id=run_id, state__in=Run.ACTIVE)
        if lease is not None:
            rows = rows.filter(lease_owner=lease)
        changes = {"state": state} if state is not None else {}
        if not rows.update(last_seq=F("last_seq") + len(events), **changes):
            raise RunEnded("The run has ended.", run=str(run_id))
        last = Run.objects.values_list("last_seq", flat=True).get(id=run_id)
        store(run_id, events, last)
    return last


def store(run_id: UUID, events: Sequence[LoopEvent], last: int) -> None:
    """Insert events that end at number `last`; the caller holds the run's row."""
    first = last - len(events) + 1
    Event.objects.bulk_create(
        Event(run_id=run_id, seq=seq, kind=event.kind, data=storable(_logged(event)))
        for seq, event in enumerate(events, first)
    )
    for event in events:
        if event.kind == EventKind.STEP:
            _keep_step(run_id, storable(event.data))
    transaction.on_commit(lambda: wakeups.wake(run_id), robust=True)


def _logged(event: LoopEvent) -> JSON:
    """What the log holds of an event: a step's prompt, which is long, stands in its row alone."""
    if event.kind != EventKind.STEP:
        return event.data
    return {name: value for name, value in event.data.items() if name != "prompt"}


def _keep_step(run_id: UUID, data: JSON) -> None:
    """The newest state of a step, as a row; `observation` follows from what was observed."""
    number = data.pop("step_number")
    data.pop("observation", None)
    Step.objects.update_or_create(run_id=run_id, step_number=number, defaults=data)


def read(run_id: UUID, after: int = 0, limit: int | None = None) -> list[Event]:
    """Give the events numbered above `after`, in order; at most `limit`."""
    return list(Event.objects.filter(run_id=run_id, seq__gt=after).order_by("seq")[:limit])


async def follow(run_id: UUID, after: int = 0) -> AsyncGenerator[list[Event]]:
    """Yield the events above `after` in batches, those of the future too, until the run is done.

    Close the generator (`contextlib.aclosing`) when you leave early.
    """
    async with wakeups.listen(run_id) as notifier:
        while True:
            batch = await on_reader_thread(read, run_id, after, BATCH)
            if not batch and await on_reader_thread(_is_over, run_id, after):
                return
            if batch:
                yield batch
                after = batch[-1].seq
                done = batch[-1].kind == EventKind.DONE  # unless the run was resumed since
                if done and await on_reader_thread(_is_over, run_id, after):
                    return
            if len(batch) < BATCH:
                await notifier.wait(POLL_SECONDS)


async def on_reader_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a function that reads the database, from asyncio."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_readers, _with_sound_connection, function, *args)


def _with_sound_connection(function: Callable[..., T], *args: Any) -> T:
    """After a database error the connection may be broken: try once more with a new one."""
    try:
        return function(*args)
    except DatabaseError as error:
        if not disk_full_seen(error, "a run's log"):
            logger.warning("Reading a run's log failed; trying once more", exc_info=True)
        connections.close_all()
        return function(*args)


def _is_over(run_id: UUID, after: int) -> bool:
    row = Run.objects.filter(id=run_id).values_list("state", "last_seq").first()
    return row is None or (row[0] not in Run.ACTIVE and row[1] <= after)
