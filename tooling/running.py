"""One call at work: on a thread of its own, within its time, and stopped when nobody wants it."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections

from common.cancellation import CancelScope, cancellable, on_cancel
from common.jsons import json_read
from common.text import clean
from common.types import JSON
from tooling.base import BaseTool, ToolResult, stop_signal
from tooling.errors import ToolsBusy
from tooling.models import ToolCall

MAX_RUNNING = 64  # calls at once in this process; a thread each
MAX_RESULT = 4_000_000  # characters of a result as JSON
POLL = 0.05  # seconds between looks at whether the call is still wanted
GRACE = 1.0  # seconds that a stopped call has to clean up before it is left alone

logger = logging.getLogger(__name__)
slots = threading.BoundedSemaphore(MAX_RUNNING)


@dataclass(frozen=True, slots=True)
class CallOutcome:
    result: ToolResult
    state: ToolCall.State
    seconds: float


class RunningCall:
    """A call that has a slot and can be run once.

    The slot is given back when the thread ends, which may be later than `run` returns: a tool that
    ignores its stop event keeps it, so that such tools cannot pile up without bound.
    """

    def __init__(self, tool: BaseTool, arguments: JSON) -> None:
        if not slots.acquire(blocking=False):
            raise ToolsBusy(f"{MAX_RUNNING} tool calls are running already; try again shortly.")
        self.tool = tool
        self.arguments = arguments
        self.stop = threading.Event()
        self.scope = CancelScope()  # wakes a tool that waits for a language model
        self.scope.add(self.stop.set)
        self.finished = threading.Event()
        self.result = ToolResult(success=False, error=f"{tool.name} ended without a result.")

    def run(self, *, timeout: float, cancelled: Callable[[], bool]) -> CallOutcome:
        """Do the work; blocks until it is done, out of time or cancelled (also by the CancelScope
        in which the calling thread works)."""
        start = time.monotonic()
        threading.Thread(target=self._work, name=f"tool-{self.tool.name}", daemon=True).start()
        outer = threading.Event()
        forget = on_cancel(outer.set)
        try:
            state, error = self._wait(start + timeout, lambda: outer.is_set() or cancelled())
        finally:
            forget()
        seconds = time.monotonic() - start
        if state == ToolCall.State.TIMED_OUT:
            error = f"{self.tool.name} was stopped: it took longer than {timeout:g} s."
        if error:
            return CallOutcome(ToolResult(success=False, error=error), state, seconds)
        done = ToolCall.State.SUCCEEDED if self.result.success else ToolCall.State.FAILED
        return CallOutcome(self.result, done, seconds)

    def abandon(self) -> None:
        """Give the slot back without having run."""
        slots.release()

    def _wait(self, deadline: float, cancelled: Callable[[], bool]) -> tuple[ToolCall.State, str]:
        while not self.finished.wait(min(POLL, max(deadline - time.monotonic(), 0.001))):
            if cancelled():
                self._end()
                return ToolCall.State.CANCELLED, f"{self.tool.name} was cancelled."
            if time.monotonic() >= deadline:
                self._end()
                return ToolCall.State.TIMED_OUT, ""
        return ToolCall.State.SUCCEEDED, ""

    def _end(self) -> None:
        self.scope.close()
        self.finished.wait(GRACE)

    def _work(self) -> None:
        stop_signal.set(self.stop)
        try:
            with cancellable(self.scope):
                self.result = _checked(self.tool, self._execute())
        except (Exception, SystemExit) as error:
            logger.warning("Tool %s failed", self.tool.name, exc_info=True)
            self.result = ToolResult(success=False, error=f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()  # this thread's own
            slots.release()
            self.finished.set()

    def _execute(self) -> Any:
        outcome = self.tool.execute(**self.arguments)
        return asyncio.run(self._finish(outcome)) if inspect.isawaitable(outcome) else outcome

    async def _finish(self, outcome: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(outcome)
        while not task.done():
            await asyncio.wait({task}, timeout=POLL)
            if self.stop.is_set():
                task.cancel()
        return None if task.cancelled() else task.result()


def _checked(tool: BaseTool, result: Any) -> ToolResult:
    """The result as values that JSON, UTF-8 and every client can carry."""
    if not isinstance(result, ToolResult):
        kind = type(result).__name__
        return ToolResult(success=False, error=f"{tool.name} gave a {kind}, not a ToolResult.")
    try:
        text = json.dumps(result.result, ensure_ascii=False, default=str)
        value = json_read(clean(text), parse_constant=str)
    except (TypeError, ValueError, RecursionError) as error:
        return ToolResult(success=False, error=f"{tool.name} gave what JSON cannot hold: {error}")
    if len(text) > MAX_RESULT:
        size = f"{len(text):,} characters, more than {MAX_RESULT:,}"
        return ToolResult(success=False, error=f"The result of {tool.name} is too long: {size}.")
    return replace(
        result,
        result=value,
        error=None if result.error is None else clean(str(result.error)),
        untrusted=result.untrusted or tool.untrusted,
    )
