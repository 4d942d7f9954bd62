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

from agents.events import follow, on_reader_thread
from agents.kinds import KINDS
from agents.models import Event, Run
from inference.types import JSON

KEEP_ALIVE_SECONDS = 15.0


class Renderer(Protocol):
    """Turns a run's events into HTML for htmx; made by `RunKind.renderer(run)`. Not on the event
    loop, but one call at a time."""

    def start(self, events_so_far: Sequence[Event], /) -> str:
        """What replaces everything that a page shows of the run; without the `done` event."""

    def feed(self, new_events: Sequence[Event], /) -> str:
        """What the new events change; those with `done` give the final message."""


def frame(event: Event) -> JSON:
    """What a program sees of an event."""
    return {"seq": event.seq, "kind": event.kind, "data": event.data}


async def json_frames(run: Run, after: int) -> AsyncGenerator[str]:
    """One frame for each event above `after`."""
    async with contextlib.aclosing(follow(run.id, after)) as batches:
        async for batch in batches:
            for event in batch:
                yield json.dumps(frame(event))


async def html_frames(run: Run) -> AsyncGenerator[str]:
    """A snapshot, then what changes: one frame for all that happened since the last."""
    renderer: Renderer | None = None
    async with contextlib.aclosing(follow(run.id)) as batches:
        async for batch in batches:
            new: Sequence[Event] = batch
            if renderer is None:
                renderer = await on_reader_thread(_renderer, run)
                ended = batch[-1].kind == Event.Kind.DONE
                past, new = (batch[:-1], batch[-1:]) if ended else (batch, [])
                yield await on_reader_thread(renderer.start, past)
            if new and (html := await on_reader_thread(renderer.feed, new)):
                yield html


async def sse_frames(run_id: UUID, after: int) -> AsyncGenerator[str]:
    """Server-sent events; the id is the number to go on from (Last-Event-ID)."""
    following = follow(run_id, after, keep_alive=KEEP_ALIVE_SECONDS)
    async with contextlib.aclosing(following) as batches:
        async for batch in batches:
            if not batch:
                yield ": keep-alive\n\n"
            for event in batch:
                body = json.dumps(frame(event))
                yield f"id: {event.seq}\nevent: {event.kind}\ndata: {body}\n\n"


def _renderer(run: Run) -> Renderer:
    made: Renderer = import_string(KINDS[run.kind].renderer)(run)
    return made
