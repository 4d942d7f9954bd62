"""A run that waits for a person's word on a tool call."""

import threading

import pytest

from agents import services
from agents.errors import RunConflict, ToolCallNotFound
from agents.log import events
from agents.loops.contract import LoopEvent
from agents.models import Event, Run
from agents.work import runner
from tests.agents.conftest import idle, kinds, text


def call(call_id="a"):
    data = {"id": call_id, "name": "t", "arguments": '{"n": 1}', "state": "waiting"}
    return LoopEvent("tool_call", data)


@pytest.fixture
def heard():
    return []


@pytest.fixture
def waiting(runs, heard):
    def loop(run):
        heard.append((yield call()))
        yield text("went on")

    run = runs.start(loop)
    return runs.until(run, "waiting")


def test_the_run_waits_with_its_lease_and_shows_the_call(waiting):
    assert kinds(waiting) == ["state", "state", "tool_call", "state"]
    assert events.read(waiting.id)[-1].data == {"state": "waiting"}
    assert waiting.lease_owner
    assert waiting.is_active


def test_allowed_it_goes_on(runs, waiting, heard):
    run = services.tool_call_decide(run=waiting, call_id="a", decision="allow")
    assert run.state == "running"
    run = runs.until(waiting)
    assert (run.state, run.output) == ("completed", "went on")
    assert (heard[0].allow, heard[0].arguments) == (True, None)
    decision = Event.objects.get(run=run, kind="tool_decision")
    assert decision.data == {"id": "a", "decision": "allow", "arguments": None}


def test_allowed_with_other_arguments(runs, waiting, heard):
    services.tool_call_decide(run=waiting, call_id="a", decision="allow", arguments={"n": 2})
    runs.until(waiting)
    assert heard[0].arguments == '{"n": 2}'


def test_denied(runs, waiting, heard):
    services.tool_call_decide(run=waiting, call_id="a", decision="deny")
    runs.until(waiting)
    assert heard[0].allow is False


def test_a_decision_that_another_process_stored_is_seen(runs, waiting, heard, monkeypatch):
    monkeypatch.setattr(runner, "nudge", lambda run_id: None)
    services.tool_call_decide(run=waiting, call_id="a", decision="allow")
    assert runs.until(waiting, seconds=5).state == "completed"


def test_the_same_word_again_changes_nothing_and_another_one_is_refused(runs, waiting):
    for _ in range(2):
        services.tool_call_decide(run=waiting, call_id="a", decision="allow")
    with pytest.raises(RunConflict):
        services.tool_call_decide(run=waiting, call_id="a", decision="deny")
    run = runs.until(waiting)
    assert kinds(run).count("tool_decision") == 1
    services.tool_call_decide(run=run, call_id="a", decision="allow")
    with pytest.raises(RunConflict):
        services.tool_call_decide(run=run, call_id="a", decision="deny")


def test_an_unknown_call_is_not_found(waiting):
    with pytest.raises(ToolCallNotFound):
        services.tool_call_decide(run=waiting, call_id="b", decision="allow")


def test_eight_people_decide_at_once_and_one_word_counts(runs, waiting, heard):
    results = []

    def decide(number):
        word = "allow" if number % 2 else "deny"
        try:
            services.tool_call_decide(run=waiting, call_id="a", decision=word)
        except RunConflict:
            results.append("conflict")
        else:
            results.append(word)

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = runs.until(waiting)
    word = Event.objects.get(run=run, kind="tool_decision").data["decision"]
    assert sorted(results) == sorted(["conflict"] * 4 + [word] * 4)
    assert heard[0].allow is (word == "allow")


def test_a_waiting_run_can_be_cancelled(runs, waiting, heard):
    services.run_cancel(run=waiting)
    run = runs.until(waiting, seconds=2)
    assert run.state == "stopped"
    assert kinds(run)[-1] == "done"
    with pytest.raises(RunConflict):
        services.tool_call_decide(run=run, call_id="a", decision="allow")


def test_waiting_runs_leave_room_for_others(runs, settings):
    settings.MAX_BATCH = 1

    def asking(run):
        yield call()
        yield text("asked")

    def plain(run):
        yield text("plain")

    asked = []
    for _ in range(3):
        run = runs.start(asking)
        asked.append(runs.until(run, "waiting"))
    assert runs.until(runs.start(plain)).output == "plain"
    for run in asked:
        services.tool_call_decide(run=run, call_id="a", decision="allow")
    assert [runs.until(run).output for run in asked] == ["asked"] * 3
    idle()
    assert runner._runner._busy == 0


def test_two_calls_are_decided_one_after_the_other(runs):
    words = []

    def loop(run):
        for call_id in "ab":
            words.append((yield call(call_id)).allow)

    run = runs.until(runs.start(loop), "waiting")
    with pytest.raises(ToolCallNotFound):
        services.tool_call_decide(run=run, call_id="b", decision="allow")
    services.tool_call_decide(run=run, call_id="a", decision="allow")
    runs.until_logged(run, "tool_decision")
    while Event.objects.filter(run=run, kind="tool_call").count() < 2:
        pass
    runs.until(run, "waiting")
    services.tool_call_decide(run=run, call_id="b", decision="deny")
    assert runs.until(run).state == "completed"
    assert words == [True, False]


def test_a_process_that_dies_while_it_waits_leaves_an_interrupted_run(waiting):
    Run.objects.filter(id=waiting.id).update(lease_owner="x y z t", lease_until=None)
    assert runner.recover() == 1
    assert Run.objects.get(id=waiting.id).state == "interrupted"
