"""The log of a run: numbers without a gap, whoever writes."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from agents.errors import RunEnded
from agents.log import events
from agents.loops.contract import LoopEvent
from agents.models import Run
from tests.agents.conftest import text

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(owner):
    return Run.objects.create(owner=owner, kind="test", state=Run.State.RUNNING, lease_owner="me")


def numbers(run):
    return [event.seq for event in events.read(run.id)]


def test_events_are_numbered_from_one(run):
    assert events.append(run.id, [text("a"), text("b")]) == 2
    assert events.append(run.id, [text("c")]) == 3
    assert numbers(run) == [1, 2, 3]


def test_eight_threads_leave_no_gap_and_no_duplicate(run):
    def write(thread):
        for number in range(20):
            events.append(run.id, [text(f"{thread}.{number}a"), text(f"{thread}.{number}b")])
        connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))

    log = events.read(run.id)
    assert [event.seq for event in log] == list(range(1, 321))
    written = [event.data["text"] for event in log]
    assert len(set(written)) == 320
    for thread in range(8):  # each writer's own events stay in its order, pairs together
        own = [piece for piece in written if piece.startswith(f"{thread}.")]
        assert own == [f"{thread}.{number}{half}" for number in range(20) for half in "ab"]


def test_a_reader_beside_writers_never_sees_a_gap(run):
    def write(_):
        for _ in range(25):
            events.append(run.id, [text("x")])
        connections.close_all()

    seen = []
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, n) for n in range(4)]
        while not all(task.done() for task in writing):
            seen += [event.seq for event in events.read(run.id, seen[-1] if seen else 0)]
    seen += [event.seq for event in events.read(run.id, seen[-1] if seen else 0)]
    assert seen == list(range(1, 101))


def test_read_goes_on_after_a_number_and_stops_at_a_limit(run):
    events.append(run.id, [text(str(n)) for n in range(10)])
    assert [event.seq for event in events.read(run.id, after=4, limit=3)] == [5, 6, 7]
    assert events.read(run.id, after=10) == []


def test_an_ended_run_takes_no_more_events(run):
    Run.objects.filter(id=run.id).update(state=Run.State.COMPLETED)
    with pytest.raises(RunEnded):
        events.append(run.id, [text("late")])
    assert numbers(run) == []


def test_a_writer_whose_lease_is_gone_is_refused(run):
    events.append(run.id, [text("mine")], lease="me")
    Run.objects.filter(id=run.id).update(lease_owner="another")
    with pytest.raises(RunEnded):
        events.append(run.id, [text("late")], lease="me")
    assert numbers(run) == [1]


def test_what_no_database_stores_is_replaced(run):
    data = {"text": "a\x00b\ud800c", "n": [float("nan"), float("inf"), 1.5], "none": None}
    events.append(run.id, [LoopEvent("tool_result", data)])
    stored = events.read(run.id)[0].data
    assert stored == {"text": "a\ufffdb?c", "n": ["nan", "inf", 1.5], "none": None}
    json.dumps(stored, allow_nan=False).encode()
