"""Readers get every event once and in order, wherever and whenever they begin."""

import asyncio
import contextlib
import threading

import pytest
from asgiref.sync import sync_to_async

from agents import services
from agents.log import events, wakeups
from agents.log.events import follow
from agents.models import Event
from tests.agents.conftest import text
from tests.waiting import eventually

PIECES = 12


async def numbers(run, after=0, until=None):
    seen = []
    async with contextlib.aclosing(follow(run.id, after)) as batches:
        async for batch in batches:
            seen += [event.seq for event in batch]
            if until and len(seen) >= until:
                break
    return seen


@pytest.fixture
def gated(runs):
    """A run that says one piece each time the gate is released, then ends."""
    gate = threading.Semaphore(0)

    def loop(run):
        for number in range(PIECES):
            gate.acquire(timeout=20)
            yield text(f"{number} ")

    return runs.start(loop), gate


async def test_a_reader_that_comes_before_the_run_gets_all(gated):
    run, gate = gated
    reader = asyncio.create_task(numbers(run))
    for _ in range(PIECES):
        gate.release()
        await asyncio.sleep(0.03)
    seen = await asyncio.wait_for(reader, 20)
    log = await sync_to_async(events.read)(run.id)
    assert seen == [event.seq for event in log] == list(range(1, len(log) + 1))


async def test_every_position_gives_exactly_the_rest(gated):
    run, gate = gated
    for _ in range(PIECES // 2):
        gate.release()
    await sync_to_async(eventually)(lambda: len(events.read(run.id)) > 2)
    readers = [asyncio.create_task(numbers(run, after)) for after in range(4)]
    for _ in range(PIECES):
        gate.release()
    seen = [await asyncio.wait_for(reader, 20) for reader in readers]
    last = seen[0][-1]
    assert seen == [list(range(after + 1, last + 1)) for after in range(4)]
    for after in range(last + 3):  # and once it is over, beyond its end too
        assert await asyncio.wait_for(numbers(run, after), 5) == list(range(after + 1, last + 1))


async def test_reconnecting_again_and_again_leaves_no_gap_and_no_duplicate(gated):
    run, gate = gated
    seen = []

    async def come_and_go():
        while True:
            part = await numbers(run, seen[-1] if seen else 0, until=1)
            if not part:
                return
            seen.extend(part)

    reader = asyncio.create_task(come_and_go())
    for _ in range(PIECES):
        gate.release()
        await asyncio.sleep(0.05)
    await asyncio.wait_for(reader, 20)
    assert seen == list(range(1, len(seen) + 1))
    assert (await sync_to_async(events.read)(run.id))[-1].seq == seen[-1]


async def test_a_reader_is_woken_without_waiting_for_the_poll(gated, monkeypatch):
    run, gate = gated
    monkeypatch.setattr(events, "POLL_SECONDS", 1000)
    reader = asyncio.create_task(numbers(run))
    await asyncio.to_thread(eventually, lambda: wakeups._listening)
    for _ in range(PIECES):
        gate.release()
    assert await asyncio.wait_for(reader, 20)


async def test_a_lost_wake_up_costs_a_moment_only(gated, monkeypatch):
    run, gate = gated
    monkeypatch.setattr(wakeups, "wake", lambda run_id: None)
    monkeypatch.setattr(events, "POLL_SECONDS", 0.1)
    reader = asyncio.create_task(numbers(run))
    for _ in range(PIECES):
        gate.release()
    seen = await asyncio.wait_for(reader, 20)
    assert seen == list(range(1, len(seen) + 1))


async def test_a_broken_channel_layer_leaves_the_poll(gated, monkeypatch, settings):
    run, gate = gated
    monkeypatch.setattr(events, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(wakeups, "get_channel_layer", lambda: None)
    reader = asyncio.create_task(numbers(run))
    for _ in range(PIECES):
        gate.release()
    seen = await asyncio.wait_for(reader, 20)
    assert seen == list(range(1, len(seen) + 1))


async def test_a_run_that_is_deleted_ends_its_readers(gated, monkeypatch):
    run, gate = gated
    monkeypatch.setattr(events, "POLL_SECONDS", 0.05)
    reader = asyncio.create_task(numbers(run, 2))
    await asyncio.to_thread(eventually, lambda: wakeups._listening)
    for _ in range(PIECES):
        gate.release()
    await sync_to_async(run.delete)()
    await asyncio.wait_for(reader, 10)


async def test_many_readers_of_one_run_see_the_same(gated):
    run, gate = gated
    readers = [asyncio.create_task(numbers(run)) for _ in range(20)]
    for _ in range(PIECES):
        gate.release()
        await asyncio.sleep(0.02)
    seen = await asyncio.wait_for(asyncio.gather(*readers), 20)
    assert all(numbers == seen[0] for numbers in seen)
    assert not wakeups._listening


async def test_following_ends_with_done_when_the_run_is_cancelled(gated):
    run, _ = gated
    reader = asyncio.create_task(numbers(run))
    await asyncio.to_thread(eventually, lambda: wakeups._listening)
    await sync_to_async(services.run_cancel)(run=run)
    seen = await asyncio.wait_for(reader, 20)
    last = await sync_to_async(Event.objects.get)(run=run, seq=seen[-1])
    assert last.kind == "done"
