"""The log of calls: a row when a call begins, filled in when it ends."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import Error as DatabaseError
from django.db.models import QuerySet, Sum, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Length

from common.mirror import RowMirror
from common.text import storable
from common.types import JSON
from tooling.models import ToolCall
from tooling.running import CallOutcome

MAX_LOGGED = 20_000  # characters of a text in the log, and of a whole result as JSON
CALL_TEXTS = ("arguments", "result", "error")
AT_ONCE = 500  # rows that are removed in a transaction
LOOK_EVERY = 0.5  # seconds between looks at a row's cancel_requested

logger = logging.getLogger(__name__)
CALL_ROWS = RowMirror(ToolCall, "pk")


def call_begin(
    *,
    tool: str,
    arguments: JSON,
    caller: User,
    run: UUID | str | None,
    timeout: float,
    step: int | None = None,
) -> ToolCall:
    logged = {name: _cut(value) for name, value in arguments.items()}
    return ToolCall.objects.create(
        tool=tool,
        caller=caller,
        run=run,
        step=step,
        arguments=logged,
        note="Arguments are shortened." if logged != arguments else "",
        timeout_seconds=timeout,
    )


def call_finish(call: ToolCall, outcome: CallOutcome) -> None:
    """Fill the row in. The result stands, whether or not the database takes it now."""
    whole = storable(outcome.result.result)
    call.result = _cut(whole)
    notes = [call.note] if call.note else []
    if call.result != whole:
        notes.append(f"Result: the first {MAX_LOGGED:,} characters of {len(_text(whole)):,}.")
    call.note = " ".join(notes)
    call.state = outcome.state
    call.error = storable(outcome.result.error or "")[:MAX_LOGGED]
    call.duration_seconds = outcome.seconds
    names = ("result", "note", "state", "error", "duration_seconds")
    CALL_ROWS.write(call.pk, **{name: getattr(call, name) for name in names})


def cancel_watch(call: ToolCall, cancelled: Callable[[], bool] | None) -> Callable[[], bool]:
    """Whether somebody wants the call to end: whoever runs it, or whoever marked its row (perhaps
    in another process)."""
    next_look = time.monotonic() + LOOK_EVERY

    def wanted() -> bool:
        nonlocal next_look
        if cancelled is not None and cancelled():
            return True
        if time.monotonic() < next_look:
            return False
        next_look = time.monotonic() + LOOK_EVERY
        return _is_marked(call)

    return wanted


def _is_marked(call: ToolCall) -> bool:
    try:
        return ToolCall.objects.filter(id=call.id, cancel_requested=True).exists()
    except DatabaseError as error:
        logger.warning("Whether to cancel %s cannot be read: %s", call.tool, error)
        return False


def calls_size() -> int:
    """Give the bytes that the log takes, about: those of its texts."""
    found = ToolCall.objects.aggregate(size=Sum(text_length(*CALL_TEXTS)))["size"]
    return int(found or 0)


def calls_prune(*, before: datetime | None, limit: int, spared: QuerySet[Any, Any]) -> int:
    """Remove calls from before that moment, then the oldest until the others take no more than
    `limit` bytes (0: no limit); gives how many went. `spared` are the ids of runs whose calls
    stay."""
    calls = ToolCall.objects.exclude(run__in=spared)
    gone = 0
    if before is not None:
        gone, _ = calls.filter(created_at__lt=before).delete()
    surplus = calls_size() - limit if limit else 0
    going: list[UUID] = []
    oldest = calls.exclude(state=ToolCall.State.RUNNING).order_by("created_at")
    for call_id, size in oldest.values_list("id", text_length(*CALL_TEXTS)).iterator():
        if surplus <= 0:
            break
        surplus -= size
        going.append(call_id)
    for start in range(0, len(going), AT_ONCE):
        gone += ToolCall.objects.filter(id__in=going[start : start + AT_ONCE]).delete()[0]
    return gone


def text_length(*columns: str) -> Combinable:
    """Measure what a row has in these columns, as text."""
    lengths = (Coalesce(Length(Cast(name, TextField())), 0) for name in columns)
    total: Combinable = Value(0)
    for length in lengths:
        total = total + length
    return total


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(value: Any) -> Any:
    """The value if it is short, else the beginning of it as text."""
    kept = storable(value)
    text = _text(kept)
    return kept if len(text) <= MAX_LOGGED else text[:MAX_LOGGED]
