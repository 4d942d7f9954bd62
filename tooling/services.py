"""All that the layers above do with tools. `tool_execute` is the only way a tool runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from threading import Thread
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from common.disk import storing
from common.metrics import UNKNOWN
from common.types import JSON
from inference.types import ToolSpec
from tooling.base import BaseTool, ToolParameter, ToolResult
from tooling.builtin import initialize_tools
from tooling.errors import ToolDisabled, ToolError, ToolNotAllowed, ToolNotFound
from tooling.journal import call_begin, call_finish, calls_prune, cancel_watch
from tooling.metrics import CALLS
from tooling.models import Tool, ToolCall
from tooling.registry import ToolRegistry
from tooling.results import CUT_OFF
from tooling.running import RunningCall
from tooling.validation import arguments_validate

logger = logging.getLogger(__name__)

# The environment says how these start; after that the switch in the database holds.
FIRST_STATE = {"web_search": "ENABLE_WEB_SEARCH", "python_repl": "ENABLE_CODE_EXECUTION"}
CUT_OFF_STATES = (ToolCall.State.RUNNING, ToolCall.State.CANCELLED)


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """A tool and its switches, as people and programs see it."""

    name: str
    description: str
    parameters: dict[str, ToolParameter]
    enabled: bool
    admins_only: bool
    timeout_seconds: float

    def as_json(self) -> JSON:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {name: p.as_json() for name, p in self.parameters.items()},
            "enabled": self.enabled,
        }


@cache
def registry() -> ToolRegistry:
    """Give the tools of this process: the built-in ones, then those of installed packages."""
    tools = initialize_tools()
    tools.register_installed()
    return tools


def tool_list(*, caller: User | None = None) -> list[ToolInfo]:
    """Every tool that there is, on or off, in the order of registration; with `caller`, only those
    that are for them."""
    rows = tool_rows()
    return [
        _info(tool, rows[tool.name])
        for tool in registry()
        if caller is None or _may_call(rows[tool.name], caller)
    ]


def tool_get(*, name: str) -> ToolInfo:
    """Find a tool by its name. Raises ToolNotFound."""
    return _info(*_find(name))


def tool_specs(
    names: Collection[str] | None = None, *, caller: User | None = None
) -> list[ToolSpec]:
    """Tell what a model is told: the enabled tools, of `names` only if given, and only those that
    `caller` may call if given."""
    rows = tool_rows()
    return [
        tool.spec()
        for tool in registry()
        if rows[tool.name].enabled
        and (names is None or tool.name in names)
        and (caller is None or _may_call(rows[tool.name], caller))
    ]


def tool_enable(*, name: str, by: User) -> ToolInfo:
    """Turn a tool on, at once and in every process. Raises ToolNotFound, ToolNotAllowed."""
    return tool_configure(name=name, by=by, enabled=True)


def tool_disable(*, name: str, by: User) -> ToolInfo:
    """Turn a tool off, at once and in every process. Raises ToolNotFound, ToolNotAllowed."""
    return tool_configure(name=name, by=by, enabled=False)


@storing("a tool's switches")
def tool_configure(
    *, name: str, by: User, enabled: bool | None = None, admins_only: bool | None = None
) -> ToolInfo:
    """Set a tool's switches; None leaves one as it is. What changes is written to the admin's
    log. Raises ToolNotFound, ToolNotAllowed."""
    tool, row = _find(name)
    if not may_change_tools(by):
        raise ToolNotAllowed("Only an admin can change tools.")
    wanted = {"enabled": enabled, "admins_only": admins_only}
    changes = {key: v for key, v in wanted.items() if v is not None and v != getattr(row, key)}
    for key, value in changes.items():
        setattr(row, key, value)
    if changes:
        row.save(update_fields=[*changes, "updated_at"])
        text = ", ".join(f"{key} = {value}" for key, value in changes.items())
        LogEntry.objects.log_actions(by.pk, [row], CHANGE, text, single_object=True)
    return _info(tool, row)


def may_change_tools(user: User) -> bool:
    return user.has_perm("tooling.change_tool")


@storing("a tool call")
def tool_execute(
    *,
    name: str,
    arguments: JSON,
    caller: User,
    run: UUID | str | None = None,
    step: int | None = None,
    timeout: float | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ToolResult:
    """Run a tool and wait for it.

    `run` is the id of the run on whose behalf it is called, and `step` the number of its step: a
    run that goes on after its process died asks `tool_call_result` first. `timeout` (seconds) can
    only shorten the tool's own limit. `cancelled` is looked at about twenty times a second (the
    `is_set` of a threading.Event does well). A tool's own failure, a time-out and a cancellation
    are results. Raises ToolNotFound, ToolDisabled, ToolNotAllowed, InvalidArguments, ToolsBusy.
    """
    work, call = _begin(name, arguments, caller, run, timeout, step)
    return _finish(work, call, cancelled)


def tool_call_result(*, run: UUID, step: int) -> ToolResult | None:
    """Tell what a call gave that a step of a run has made already; None when it is to be made.

    A call that was cut off gave nothing: it is made again if its tool is repeatable, and is else an
    error, since nobody knows how far it came.
    """
    call = ToolCall.objects.filter(run=run, step=step).order_by("-created_at").first()
    if call is None:
        return None
    tool = registry().get(call.tool)
    if call.state not in CUT_OFF_STATES:
        untrusted = tool is None or tool.untrusted
        succeeded = call.state == ToolCall.State.SUCCEEDED
        return ToolResult(succeeded, call.result, call.error or None, untrusted)
    if tool is not None and tool.repeatable:
        return None
    return ToolResult(False, error=CUT_OFF, cut_off=True)


@storing("a tool call")
def tool_call_start(*, name: str, arguments: JSON, caller: User) -> ToolCall:
    """Run a tool in the background; its ToolCall tells what becomes of it. Raises as
    `tool_execute` does."""
    work, call = _begin(name, arguments, caller, None, None)

    def follow() -> None:
        try:
            _finish(work, call, None)
        finally:
            connections.close_all()

    Thread(target=follow, name=f"tool-call-{call.id}", daemon=True).start()
    return tool_call_get(id=call.id, caller=caller)  # the thread goes on writing to its own


def tool_call_list(*, caller: User, tool: str | None = None, limit: int = 20) -> list[ToolCall]:
    """Give the caller's latest calls, of one tool if it is named. Without their results."""
    calls = ToolCall.objects.filter(caller=caller).defer("result")
    return list((calls.filter(tool=tool) if tool else calls)[:limit])


def tool_call_get(*, id: UUID, caller: User) -> ToolCall:
    """One of the caller's own calls. Raises ToolNotFound."""
    call = ToolCall.objects.filter(id=id, caller=caller).first()
    if call is None:
        raise ToolNotFound(f"There is no tool call {id}.")
    return call


@storing("a tool call")
def tool_call_cancel(*, id: UUID, caller: User) -> ToolCall:
    """Ask for a call to end, in whichever process it runs. Raises ToolNotFound."""
    call = tool_call_get(id=id, caller=caller)
    ToolCall.objects.filter(id=id, state=ToolCall.State.RUNNING).update(cancel_requested=True)
    return call


def tool_calls_prune(*, spared: QuerySet[Any, Any]) -> int:
    """Remove from the log what is older, and more, than LOG_KEEP_DAYS and LOG_KEEP_SIZE want, but
    the calls of runs with `spared` ids; gives how many went."""
    days = settings.LOG_KEEP_DAYS
    before = timezone.now() - timedelta(days=days) if days else None
    return calls_prune(before=before, limit=settings.LOG_KEEP_SIZE, spared=spared)


def tool_rows() -> dict[str, Tool]:
    """Give the switches of all tools by name, read from the database each time, so that every
    process sees the same; tools that are new get their first state."""
    names = [tool.name for tool in registry()]
    rows = Tool.objects.filter(name__in=names).in_bulk(field_name="name")
    new = [Tool(name=name, enabled=_first_state(name)) for name in names if name not in rows]
    if new:
        Tool.objects.bulk_create(new, ignore_conflicts=True)
        rows = Tool.objects.filter(name__in=names).in_bulk(field_name="name")
    return rows


def tools_warm() -> None:
    """Have the tools that are on prepare for their first call; returns at once."""
    rows = tool_rows()
    for tool in registry():
        if rows[tool.name].enabled:
            try:
                tool.warm()
            except Exception:
                logger.exception("%s could not be prepared", tool.name)


def _first_state(name: str) -> bool:
    return bool(getattr(settings, FIRST_STATE[name])) if name in FIRST_STATE else True


def _find(name: str) -> tuple[BaseTool, Tool]:
    tool = registry().get(name)
    if tool is None:
        known = ", ".join(tool.name for tool in registry())
        raise ToolNotFound(f"There is no tool named {name!r}. Tools: {known}.")
    return tool, tool_rows()[name]


def _info(tool: BaseTool, row: Tool) -> ToolInfo:
    return ToolInfo(
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters,
        enabled=row.enabled,
        admins_only=row.admins_only,
        timeout_seconds=tool.timeout_seconds,
    )


def _may_call(row: Tool, caller: User) -> bool:
    return caller.is_active and (not row.admins_only or may_change_tools(caller))


def _begin(
    name: str,
    arguments: JSON,
    caller: User,
    run: UUID | str | None,
    timeout: float | None,
    step: int | None = None,
) -> tuple[RunningCall, ToolCall]:
    try:
        return _begin_allowed(name, arguments, caller, run, timeout, step)
    except ToolError as error:
        CALLS.labels(name if registry().get(name) else UNKNOWN, error.code).inc()
        raise


def _begin_allowed(
    name: str,
    arguments: JSON,
    caller: User,
    run: UUID | str | None,
    timeout: float | None,
    step: int | None,
) -> tuple[RunningCall, ToolCall]:
    tool, row = _find(name)
    if not _may_call(row, caller):
        raise ToolNotAllowed(f"You may not call {name}.")
    if not row.enabled:
        raise ToolDisabled(f"The tool {name} is disabled.")
    fitting = arguments_validate(tool, arguments)
    limit = tool.timeout_seconds if timeout is None else min(timeout, tool.timeout_seconds)
    work = RunningCall(tool, fitting)
    try:
        call = call_begin(
            tool=name, arguments=arguments, caller=caller, run=run, timeout=limit, step=step
        )
    except BaseException:
        work.abandon()
        raise
    return work, call


def _finish(work: RunningCall, call: ToolCall, cancelled: Callable[[], bool] | None) -> ToolResult:
    outcome = work.run(timeout=call.timeout_seconds, cancelled=cancel_watch(call, cancelled))
    CALLS.labels(call.tool, outcome.state.value).inc()
    call_finish(call, outcome)
    return outcome.result
