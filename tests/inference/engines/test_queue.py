"""Who is next, and how long that takes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from common.errors import from_wire, to_wire
from inference.engines.base import EngineConfig
from inference.engines.pace import Pace
from inference.engines.queue import FairQueue
from inference.engines.turns import Turns
from inference.errors import QueueFull
from inference.types import AGENT, INTERACTIVE, GenerationRequest, Usage


def test_the_queue_shows_the_order_in_which_it_serves() -> None:
    chance = random.Random(7)
    for _ in range(50):
        queue: FairQueue[int] = FairQueue()
        for item in range(chance.randrange(12)):
            queue.push(item, priority=chance.randrange(3), owner=chance.choice("abc"))
        for _ in range(chance.randrange(3)):
            if len(queue):
                queue.pop()
        queue.remove(chance.randrange(12))
        shown = list(queue)
        assert len(queue) == len(shown)
        assert [queue.pop() for _ in range(len(queue))] == shown


@dataclass
class Waiting:
    request: GenerationRequest
    asked_at: float = 0.0
    begun_at: float = 0.0


def waiting(name: str, priority: int = INTERACTIVE, owner: str = "") -> Waiting:
    return Waiting(GenerationRequest(id=name, prompt="Hi", priority=priority, owner=owner))


def test_interactive_requests_go_before_agents_and_owners_take_turns() -> None:
    turns: Turns[Waiting] = Turns(EngineConfig(model="m"), places=1)
    running = waiting("running")
    turns.enter(running)
    assert turns.next() is running
    for item in (
        waiting("agent", AGENT, "a"),
        waiting("a1", owner="a"),
        waiting("a2", owner="a"),
        waiting("b1", owner="b"),
    ):
        turns.enter(item)
    assert turns.next() is None
    order = []
    assert turns.leave(running)
    while item := turns.next():
        order.append(item.request.id)
        turns.leave(item)
    assert order == ["a1", "b1", "a2", "agent"]


def test_a_full_queue_refuses_and_what_was_begun_can_be_begun_again() -> None:
    turns: Turns[Waiting] = Turns(EngineConfig(model="m", max_queue=1), places=1)
    first, second = waiting("first"), waiting("second")
    turns.enter(first)
    turns.next()
    turns.enter(second)
    with pytest.raises(QueueFull):
        turns.enter(waiting("third"))
    assert turns.position("second").position == 1
    turns.return_running()
    assert [turns.position(name).position for name in ("first", "second")] == [1, 2]
    assert turns.next() is first
    assert turns.find("second") is second
    assert turns.clear() == [first, second]
    assert turns.next() is None


def usage(seconds: float) -> Usage:
    return Usage(prefill_seconds=seconds / 4, decode_seconds=seconds * 3 / 4)


def test_the_wait_follows_the_answers_of_late() -> None:
    pace = Pace(places=2)
    assert pace.wait(3, oldest=8.0) == pytest.approx(12.0)  # nothing has ended yet
    pace.note(usage(4.0))
    pace.note(usage(8.0))
    pace.note(Usage(queue_seconds=5.0))  # cancelled while it waited
    assert pace.wait(1, oldest=100.0) == pytest.approx(3.0)
    assert pace.wait(4, oldest=100.0) == pytest.approx(12.0)


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (7.2, 8), (None, 5)])
def test_retry_after_is_the_expected_wait(seconds: float | None, told: int) -> None:
    error = QueueFull("Full.", queued=3, expected_wait=seconds)
    assert error.retry_after == told
    again = from_wire(to_wire(error))
    assert (again.retry_after, again.details) == (told, error.details)
    assert None not in error.details.values()
