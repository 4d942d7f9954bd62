"""Runs whose loops a test writes: register a generator function, start it, wait for its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import services
from agents.kinds import KINDS, RunKind
from agents.log import events
from agents.loops.contract import Loop, LoopEvent
from agents.models import Event, Run
from agents.work import runner
from tests.waiting import eventually

LoopFunction = Callable[[Run], Loop]

_loop: dict[str, LoopFunction] = {}


def registered_loop(run: Run) -> Loop:
    """The loop of kind "test": whatever the test has registered."""
    return _loop["function"](run)


def text(piece: str) -> LoopEvent:
    return LoopEvent("text", {"text": piece})


class Runs:
    """Starts runs of the test's own loop, and waits for what happens to them."""

    def __init__(self, owner: User) -> None:
        self.owner = owner

    def start(self, loop: LoopFunction, **params: Any) -> Run:
        _loop["function"] = loop
        return services.run_start(owner=self.owner, kind="test", params=params)

    def until(self, run: Run, *states: str, seconds: float = 20) -> Run:
        """The run once it is in one of the states; in any final one if none is named."""

        def there() -> Run | None:
            found = Run.objects.get(id=run.id)
            is_there = found.state in states or (not states and not found.is_active)
            return found if is_there else None

        found = eventually(there, seconds)
        assert found
        return found

    def until_logged(self, run: Run, kind: str, seconds: float = 20) -> None:
        eventually(lambda: kind in kinds(run), seconds)


def kinds(run: Run) -> list[str]:
    return [event.kind for event in events.read(run.id)]


def idle(seconds: float = 20) -> None:
    """Wait until no run is in this process's hands."""
    eventually(lambda: not runner.is_active(), seconds)


def finished(run: Run, seconds: float = 20) -> Run:
    """The run, refreshed, once it has ended and the runner has let go of it."""

    def over() -> bool:
        run.refresh_from_db()
        return not run.is_active and not runner.is_active()

    eventually(over, seconds)
    return run


class PlainRenderer:
    """Shows a run as words in brackets: enough to see which events came when."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def start(self, events_so_far: Sequence[Event]) -> str:
        return f"<start>{self._shown(events_so_far)}</start>"

    def feed(self, new_events: Sequence[Event]) -> str:
        if new_events[-1].kind == "done":
            return f"<final>{Run.objects.get(id=self.run.id).output}</final>"
        return f"<more>{self._shown(new_events)}</more>"

    def _shown(self, events: Sequence[Event]) -> str:
        return "".join(event.data.get("text", "") for event in events)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a test's loop waits for; opened at the latest when the test ends."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def runs(owner: User) -> Iterator[Runs]:
    KINDS["test"] = RunKind(
        loop="tests.agents.conftest.registered_loop", renderer="tests.agents.conftest.PlainRenderer"
    )
    yield Runs(owner)
    for run in Run.objects.filter(state__in=Run.ACTIVE):
        services.run_cancel(run=run)
    idle()
    del KINDS["test"]
