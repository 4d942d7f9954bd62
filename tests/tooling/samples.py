"""Small tools that behave well or badly."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from tooling.base import BaseTool, ToolParameter, ToolResult


class SampleTool(BaseTool):
    """Name, parameters and time limit as given; `execute` of the subclass."""

    description = "A tool for tests"  # type: ignore[assignment]
    parameters: dict[str, ToolParameter] = {}  # type: ignore[assignment]

    def __init__(self, name: str = "sample", timeout: float = 20.0, **parameters: Any) -> None:
        self._name = name
        self.timeout_seconds = timeout
        self.parameters = {
            key: ToolParameter(name=key, description=f"The {key}", **options)
            for key, options in parameters.items()
        }
        self.calls: list[dict[str, Any]] = []
        self.started = threading.Event()
        self.ended = threading.Event()

    @property
    def name(self) -> str:
        return self._name

    def execute(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        return ToolResult(success=True, result=arguments)


class GivingTool(SampleTool):
    """Returns what it is told to, or raises it."""

    def __init__(self, gift: Any, name: str = "sample") -> None:
        super().__init__(name)
        self.gift = gift

    def execute(self, **arguments: Any) -> Any:
        if isinstance(self.gift, BaseException):
            raise self.gift
        return self.gift


class WaitingTool(SampleTool):
    """Works until it is told to stop."""

    def execute(self, **arguments: Any) -> ToolResult:
        self.started.set()
        self.stop_event.wait(20)
        self.ended.set()
        return ToolResult(success=self.stopping)


class AsyncWaitingTool(SampleTool):
    """Works until it is cancelled."""

    async def execute(self, **arguments: Any) -> ToolResult:
        self.started.set()
        try:
            await asyncio.sleep(20)
        finally:
            self.ended.set()
        return ToolResult(success=True)


class StubbornTool(SampleTool):
    """Heeds nothing; sleeps for as long as `release` is not set."""

    def __init__(self, name: str = "sample", timeout: float = 20.0) -> None:
        super().__init__(name, timeout)
        self.release = threading.Event()

    def execute(self, **arguments: Any) -> ToolResult:
        self.started.set()
        while not self.release.is_set():
            time.sleep(0.01)
        self.ended.set()
        return ToolResult(success=True)


class NappingTool(SampleTool):
    """Takes a fifth of a second."""

    async def execute(self, number: int) -> ToolResult:
        await asyncio.sleep(0.2)
        return ToolResult(success=True, result=number)


class MeetingTool(SampleTool):
    """Waits until as many calls as given have come together."""

    def __init__(self, size: int, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.barrier = threading.Barrier(size)

    def execute(self, number: int) -> ToolResult:
        self.barrier.wait(15)
        return ToolResult(success=True, result=number)
