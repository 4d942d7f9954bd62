"""The crossing between generators and async code."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from common import bridge
from common.bridge import iterate
from common.cancellation import CancelScope, cancellable, on_cancel
from common.errors import RequestCancelled
from tests.waiting import eventually


async def test_items_come_in_order_and_as_they_are_made() -> None:
    gate = threading.Event()

    def numbers() -> Iterator[int]:
        yield 1
        gate.wait(5)
        yield 2

    items = iterate(numbers)
    assert await anext(items) == 1
    gate.set()
    assert [item async for item in items] == [2]


async def test_errors_of_making_and_of_running_arrive() -> None:
    def explode() -> Iterator[int]:
        raise LookupError("no")

    def half() -> Iterator[int]:
        yield 1
        raise ValueError("later")

    with pytest.raises(LookupError):
        await anext(iterate(explode))
    items = iterate(half)
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="later"):
        await anext(items)


async def test_leaving_wakes_and_closes_the_generator_in_its_thread() -> None:
    woken, closed_on = threading.Event(), []
    running_on = []

    def blocked() -> Iterator[int]:
        running_on.append(threading.get_ident())
        forget = on_cancel(woken.set)
        try:
            yield 1
            woken.wait(10)
            yield 2
        finally:
            forget()
            closed_on.append(threading.get_ident())

    items = iterate(blocked)
    assert await anext(items) == 1
    began = time.monotonic()
    await items.aclose()
    assert time.monotonic() - began < 1
    assert await asyncio.to_thread(woken.wait, 5)
    await asyncio.to_thread(eventually, lambda: closed_on)
    assert closed_on == running_on


async def test_a_cancelled_task_lets_go() -> None:
    begun, closed = threading.Event(), threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                begun.set()
                yield 1
                time.sleep(0.001)
        finally:
            closed.set()

    async def read() -> None:
        async for _ in iterate(endless):
            pass

    task = asyncio.create_task(read())
    assert await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(closed.wait, 5)


async def test_a_slow_reader_holds_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "AHEAD", 4)
    made = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = iterate(numbers)
    assert await anext(items) == 0
    await asyncio.sleep(0.1)
    assert len(made) < 10
    assert [item async for item in items] == list(range(1, 100))


async def test_the_end_of_the_readers_scope_ends_the_generator_whoever_reads_it() -> None:
    """A view may be left hanging between two items, or be kept by a cycle of its request: its
    generator is closed all the same."""
    closed = threading.Event()

    def blocked() -> Iterator[int]:
        woken = threading.Event()
        forget = on_cancel(woken.set)
        try:
            yield 1
            woken.wait(10)
        finally:
            forget()
            closed.set()

    scope = CancelScope()
    with cancellable(scope):
        items = iterate(blocked)
        assert await anext(items) == 1
    scope.close()
    assert await asyncio.to_thread(closed.wait, 5)
    with pytest.raises(RequestCancelled):
        await anext(items)


async def test_nothing_begins_in_a_scope_that_is_closed() -> None:
    made = []

    def numbers() -> Iterator[int]:
        made.append(True)
        yield 1

    scope = CancelScope()
    scope.close()
    with cancellable(scope), pytest.raises(RequestCancelled):
        await anext(iterate(numbers))
    assert not made
