"""A run from its start to its one end."""

import logging
import threading

import pytest
from django.db import transaction

from agents import services
from agents.kinds import KINDS
from agents.log import events
from agents.loops import control
from agents.loops.contract import LoopEvent
from agents.models import Event, Run
from agents.signals import run_finished
from agents.work import runner
from common.cancellation import on_cancel
from common.errors import InvalidRequest
from inference.engines.base import QueuePosition
from inference.errors import ContextOverflow, QueueFull
from tests.agents.conftest import idle, kinds, text
from tooling.errors import ToolDisabled

CALL = LoopEvent("tool_call", {"id": "a", "name": "t", "arguments": "{}", "state": "running"})


@pytest.fixture
def finished():
    """What receivers of run_finished have seen."""
    seen = []

    def receive(sender, run, **kwargs):
        seen.append((run.id, run.state, run.output))

    run_finished.connect(receive)
    yield seen
    run_finished.disconnect(receive)


def blocked(gate):
    """A loop that says one word, then does not hear anything until the gate opens."""

    def loop(run):
        yield text("begun")
        gate.wait(20)
        yield text(" late")

    return loop


def test_a_run_ends_with_what_its_loop_said(runs, finished):
    def loop(run):
        yield LoopEvent("model", {"id": "the-one"})
        yield LoopEvent("thinking", {"text": "Hm."})
        yield text("Hello")
        yield text(" world")
        yield LoopEvent("usage", {"prompt_tokens": 3, "completion_tokens": 2})
        yield LoopEvent("done", {"finish_reason": "length"})

    run = runs.until(runs.start(loop))
    assert (run.state, run.output, run.thinking) == ("completed", "Hello world", "Hm.")
    assert (run.model, run.finish_reason, run.error) == ("the-one", "length", None)
    assert run.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    log = events.read(run.id)
    assert "".join(e.data["text"] for e in log if e.kind == "text") == "Hello world"
    assert [e.seq for e in log] == list(range(1, run.last_seq + 1))
    assert [e.data for e in log if e.kind == "state"] == [{"state": "queued"}, {"state": "running"}]
    assert log[-1].data == {"state": "completed", "finish_reason": "length"}
    assert finished == [(run.id, "completed", "Hello world")]
    assert run.started_at <= run.finished_at
    assert run.lease_owner == ""


def test_usage_of_several_generations_is_added_up(runs):
    def loop(run):
        for first in (0.5, 0.1):
            counts = {"completion_tokens": 2, "cache_miss": "from token 3 on: ..."}
            yield LoopEvent("usage", {**counts, "first_token_seconds": first})

    run = runs.until(runs.start(loop))
    assert run.usage == {"completion_tokens": 4, "first_token_seconds": 0.5}


def test_words_before_and_after_a_tool_call_are_paragraphs(runs):
    def loop(run):
        yield text("Let me see.")
        yield LoopEvent(
            "tool_call", {"id": "a", "name": "t", "arguments": "{}", "state": "running"}
        )
        yield text("It is 4.")

    assert runs.until(runs.start(loop)).output == "Let me see.\n\nIt is 4."


def test_a_run_starts_only_when_its_transaction_is_committed(runs):
    def loop(run):
        yield text("x")

    with transaction.atomic():
        run = runs.start(loop)
        assert not runner.is_active()
    assert runs.until(run).state == "completed"


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ContextOverflow("Too long.", prompt_tokens=9, context_length=8), ToolDisabled("It is off.")],
)
def test_a_known_error_is_told(runs, error):
    def loop(run):
        yield text("so far")
        raise error

    run = runs.until(runs.start(loop))
    wire = {"code": error.code, "message": str(error), "details": error.details}
    assert (run.state, run.output, run.finish_reason) == ("failed", "so far", "error")
    assert run.error == wire
    assert kinds(run)[-2:] == ["error", "done"]
    assert Event.objects.get(run=run, kind="error").data == wire


def test_of_an_unknown_error_only_an_id_is_told_and_the_log_has_the_rest(runs, caplog):
    def loop(run):
        yield text("so far")
        raise ZeroDivisionError("secret detail")

    run = runs.until(runs.start(loop))
    assert (run.state, run.output, run.error["code"]) == ("failed", "so far", "internal_error")
    assert "secret" not in str(run.error)
    record = next(r for r in caplog.records if run.error["id"] in r.getMessage())
    assert record.exc_info[0] is ZeroDivisionError


def test_a_loop_that_cannot_be_made_fails_the_run(runs):
    def loop(run):
        raise ValueError("no generator at all")

    assert runs.until(runs.start(loop)).state == "failed"


def test_a_kind_that_this_process_does_not_know_fails_the_run(runs, monkeypatch):
    run = Run.objects.create(owner=runs.owner, kind="unheard-of")
    runner.dispatch()
    assert runs.until(run).error["code"] == "internal_error"


def test_a_receiver_that_fails_does_not_keep_the_run_from_ending(runs, caplog):
    def receive(sender, run, **kwargs):
        Run.objects.filter(id=run.id).update(params={"written": "in vain"})
        raise RuntimeError("receiver broke")

    def loop(run):
        yield text("x")

    run_finished.connect(receive)
    try:
        run = runs.until(runs.start(loop))
    finally:
        run_finished.disconnect(receive)
    assert (run.state, run.params) == ("completed", {})
    assert any("receiver failed" in record.getMessage() for record in caplog.records)


def test_what_a_receiver_writes_is_there_when_readers_see_the_end(runs):
    def receive(sender, run, **kwargs):
        Run.objects.filter(id=run.id).update(params={"copied": run.output})

    def loop(run):
        yield text("x")

    run_finished.connect(receive)
    try:
        assert runs.until(runs.start(loop)).params == {"copied": "x"}
    finally:
        run_finished.disconnect(receive)


def test_an_unknown_kind_is_refused(owner):
    with pytest.raises(InvalidRequest) as caught:
        services.run_start(owner=owner, kind="nonsense", params={})
    assert caught.value.details["field"] == "kind"


# --- cancel --------------------------------------------------------------------------------------


def test_cancel_before_the_start(runs, gate, settings, finished):
    settings.MAX_BATCH = 1
    running = runs.start(blocked(gate))
    runs.until_logged(running, "text")
    waiting = runs.start(blocked(gate))
    assert services.queue_place(run=waiting) == QueuePosition(1, None)
    waiting = services.run_cancel(run=waiting)
    assert (waiting.state, waiting.output, waiting.finish_reason) == ("stopped", "", "cancelled")
    assert kinds(waiting) == ["state", "done"]
    gate.set()
    assert runs.until(running).state == "completed"
    idle()
    assert kinds(waiting) == ["state", "done"]
    assert [entry[1] for entry in finished] == ["stopped", "completed"]


class Answer:
    """A generation that a test lets speak; cancelled, it ends with its usage."""

    def __init__(self):
        self.freed, self.cancelled, self.closed = threading.Event(), False, False

    def cancel(self):
        self.cancelled = True
        self.freed.set()

    def close(self):
        self.closed = True
        self.freed.set()


def test_cancel_ends_the_answer_in_good_order_and_keeps_what_there_is(runs, finished):
    answer = Answer()

    def loop(run):
        with control.closing(answer):
            yield text("so far")
            answer.freed.wait(20)
            yield text(" and a last token")
            yield LoopEvent("usage", {"completion_tokens": 3})
            yield LoopEvent("done", {"finish_reason": "cancelled"})

    run = runs.start(loop)
    runs.until_logged(run, "text")
    services.run_cancel(run=run)
    run = runs.until(run, seconds=2)
    assert answer.cancelled
    assert answer.closed
    assert (run.state, run.output, run.finish_reason) == ("stopped", "so far", "cancelled")
    assert run.usage == {"completion_tokens": 3}
    assert run.error is None
    assert finished == [(run.id, "stopped", "so far")]


def test_cancel_stops_a_loop_that_goes_on_to_something_else(runs):
    answer, done_more = Answer(), []

    def loop(run):
        with control.closing(answer):
            yield text("x")
            answer.freed.wait(20)
        yield LoopEvent(
            "tool_call", {"id": "a", "name": "t", "arguments": "{}", "state": "running"}
        )
        done_more.append(True)

    run = runs.start(loop)
    runs.until_logged(run, "text")
    services.run_cancel(run=run)
    assert runs.until(run).state == "stopped"
    idle()
    assert not done_more
    assert "tool_call" not in kinds(run)


def test_an_answer_that_does_not_end_when_it_is_cancelled_is_closed(runs, monkeypatch):
    answer = Answer()
    monkeypatch.setattr(answer, "cancel", lambda: None)

    def loop(run):
        with control.closing(answer):
            yield text("x")
            answer.freed.wait(20)

    def registered(run):
        on_cancel(answer.close)
        yield from loop(run)

    run = runs.start(registered)
    runs.until_logged(run, "text")
    services.run_cancel(run=run)
    assert runs.until(run, seconds=5).state == "stopped"
    assert answer.closed


def test_a_thread_that_hears_nothing_is_left_behind_and_writes_nothing_more(runs, gate, settings):
    settings.MAX_BATCH = 1
    run = runs.start(blocked(gate))
    runs.until_logged(run, "text")
    services.run_cancel(run=run)
    run = runs.until(run, seconds=10)
    assert (run.state, run.output) == ("stopped", "begun")

    def loop(run):
        yield text("next")

    assert runs.until(runs.start(loop)).output == "next"  # its place is free again
    log = kinds(run)
    gate.set()
    idle()
    assert kinds(run) == log
    assert log[-1] == "done"


def test_cancel_after_the_end_changes_nothing(runs, finished):
    def loop(run):
        yield text("x")

    run = runs.until(runs.start(loop))
    log = kinds(run)
    again = services.run_cancel(run=run)
    assert (again.state, again.cancel_requested) == ("completed", False)
    assert kinds(run) == log
    assert len(finished) == 1


def test_cancelling_twice_at_once_ends_the_run_once(runs, gate, finished):
    run = runs.start(blocked(gate))
    runs.until_logged(run, "text")
    threads = [threading.Thread(target=services.run_cancel, kwargs={"run": run}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.set()
    run = runs.until(run)
    assert kinds(run).count("done") == 1
    assert len(finished) == 1


def test_a_cancellation_that_another_process_asked_for_is_seen(runs):
    answer = Answer()

    def loop(run):
        with control.closing(answer):
            yield text("x")
            answer.freed.wait(20)
            yield LoopEvent("usage", {"completion_tokens": 1})

    run = runs.start(loop)
    runs.until_logged(run, "text")
    Run.objects.filter(id=run.id).update(cancel_requested=True)
    assert runs.until(run, seconds=5).state == "stopped"
    assert answer.cancelled


def test_an_error_after_a_cancellation_is_a_stop(runs):
    answer = Answer()

    def loop(run):
        with control.closing(answer):
            yield text("x")
            answer.freed.wait(20)
            raise RuntimeError("the connection was closed")

    run = runs.start(loop)
    runs.until_logged(run, "text")
    services.run_cancel(run=run)
    run = runs.until(run)
    assert (run.state, run.error) == ("stopped", None)


# --- capacity ------------------------------------------------------------------------------------


def test_only_so_many_work_at_once_and_the_rest_follow(runs, gate, settings):
    settings.MAX_BATCH = 3
    working = Run.objects.filter(state="running")
    started = [runs.start(blocked(gate)) for _ in range(12)]
    for run in started[:3]:
        runs.until(run, "running")
    threading.Event().wait(0.3)
    assert working.count() == 3
    gate.set()
    assert all(runs.until(run).state == "completed" for run in started)
    begun = sorted((run.started_at, 1) for run in Run.objects.all())
    ended = sorted((run.finished_at, -1) for run in Run.objects.all())
    at_once = [sum(change for _, change in sorted(begun + ended)[:n]) for n in range(1, 25)]
    assert max(at_once) == 3


def test_a_full_queue_refuses(runs, gate, settings):
    settings.MAX_BATCH, settings.MAX_QUEUE = 1, 2
    running = runs.start(blocked(gate))
    runs.until_logged(running, "text")
    queued = [runs.start(blocked(gate)) for _ in range(2)]
    assert [services.queue_place(run=run).position for run in queued] == [1, 2]
    assert services.queue_place(run=Run.objects.get(id=running.id)) is None
    with pytest.raises(QueueFull) as caught:
        runs.start(blocked(gate))
    assert caught.value.retry_after > 0
    assert Run.objects.count() == 3
    gate.set()
    assert [runs.until(run).state for run in queued] == ["completed", "completed"]


def test_shutdown_keeps_what_there_is_and_leaves_the_queue(runs, gate, settings, monkeypatch):
    settings.MAX_BATCH = 1
    run = runs.start(blocked(gate))
    runs.until_logged(run, "text")
    queued = runs.start(blocked(gate))
    runner.shutdown()
    try:
        run = Run.objects.get(id=run.id)
        assert (run.state, run.output, run.finish_reason) == (
            "interrupted",
            "begun",
            "interrupted",
        )
        gate.set()
        idle()
        assert kinds(run)[-1] == "done"
        assert Run.objects.get(id=queued.id).state == "queued"
    finally:
        runner.startup()  # as the next start of a server does
        runner._runner._serving = False
    assert runs.until(queued).state == "completed"


def test_logging_stays_quiet_for_an_ordinary_run(runs, caplog):
    def loop(run):
        yield text("x")

    caplog.set_level(logging.INFO, "agents")
    runs.until(runs.start(loop))
    idle()
    assert [r for r in caplog.records if r.name.startswith("agents")] == []
    assert "test" in KINDS
