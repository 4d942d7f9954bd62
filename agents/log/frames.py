"""A run's log as a reader gets it: JSON frames, HTML frames, server-sent events.

All are made from the log when the reader is ready for them, so nothing is buffered and a slow
reader costs nothing. They go on until the run is done.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol
from uuid import UUID

from django.utils.module_loading import import_string

from agents.kinds import KINDS
from agents.log.events import follow, on_reader_thread
from agents.loops.contract import EventKind
from agents.models import Event, Run
from common.types import JSON
from common.web import sse


class Renderer(Protocol):
    """Turns a run's events into HTML for htmx; made by `RunKind.renderer(run)`. Not on the event
    loop, but one call at a time."""

    def start(self, events_so_far: Sequence[Event], /) -> str:
        """Tell what replaces everything that a page shows of the run; without the `done` event."""

    def feed(self, new_events: Sequence[Event], /) -> str:
        """Tell what the new events change; those with `done` give the final message."""


def frame(event: Event) -> JSON:
    """Tell what a program sees of an event."""
    return {"seq": event.seq, "kind": event.kind, "data": event.data}


async def json_frames(run: Run, after: int) -> AsyncGenerator[str]:
    """One frame for each event above `after`."""
    async with contextlib.aclosing(follow(run.id, after)) as batches:
        async for batch in batches:
            for event in batch:
                yield json.dumps(frame(event))


async def html_frames(run: Run) -> AsyncGenerator[str]:
    """Yield a snapshot, then what changes: one frame for all that happened since the last."""
    renderer: Renderer | None = None
    async with contextlib.aclosing(follow(run.id)) as batches:
        async for batch in batches:
            new: Sequence[Event] = batch
            if renderer is None:
                renderer = await on_reader_thread(_renderer, run)
                ended = batch[-1].kind == EventKind.DONE
                past, new = (batch[:-1], batch[-1:]) if ended else (batch, [])
                yield await on_reader_thread(renderer.start, past)
            if new and (html := await on_reader_thread(renderer.feed, new)):
                yield html


async def sse_frames(run_id: UUID, after: int) -> AsyncGenerator[str]:
    """Server-sent events; the id is the number to go on from (Last-Event-ID)."""
    async with contextlib.aclosing(sse.heartbeats(follow(run_id, after))) as batches:
        async for batch in batches:
            if batch is None:
                yield sse.KEEP_ALIVE
                continue
            for event in batch:
                yield sse.frame(frame(event), event=event.kind, id=event.seq)


def _renderer(run: Run) -> Renderer:
    made: Renderer = import_string(KINDS[run.kind].renderer)(run)
    return made
