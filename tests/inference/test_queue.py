"""Who is next, and how long that takes."""

from __future__ import annotations

import random

import pytest

from inference.engines.mlx_queue import FairQueue
from inference.errors import QueueFull, from_wire, to_wire
from inference.pace import Pace
from inference.types import Usage


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
