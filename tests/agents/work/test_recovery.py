"""Runs that a dead process left behind end as interrupted, and keep what they had."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.db import connection
from django.utils import timezone

from agents import services
from agents.errors import RunEnded
from agents.log import events
from agents.loops import control
from agents.models import Run
from agents.signals import run_finished
from agents.work import leases, runner
from tests.agents.conftest import idle, kinds, text
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
WORK = """
import os, sys, threading, django
os.environ["DJANGO_SETTINGS_MODULE"] = "cortex_site.settings"
django.setup()
from agents.work import runner
from agents.kinds import KINDS, RunKind
KINDS["endless"] = RunKind(loop="tests.agents.endless.endless_loop", renderer="")
for _ in range(4):
    runner.dispatch()
threading.Event().wait(60)
"""

pytestmark = pytest.mark.django_db(transaction=True)


def database_url():
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@pytest.fixture
def start_process(tmp_path):
    """Another process on this database that takes queued runs of kind "endless"."""
    processes = []

    def start():
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DATA_DIR": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        }
        process = subprocess.Popen([sys.executable, "-c", WORK], cwd=ROOT, env=environment)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def queue(owner, **params):
    return Run.objects.create(owner=owner, kind="endless", params=params)


def test_kill_9_in_the_middle_of_a_run(owner, start_process):
    run, seen = queue(owner), []
    process = start_process()
    eventually(lambda: kinds(run).count("text") >= 3)

    assert runner.recover() == 0  # it lives
    assert Run.objects.get(id=run.id).state == "running"

    os.kill(process.pid, signal.SIGKILL)  # a zombie until it is waited for, and dead all the same
    eventually(lambda: not leases._started(process.pid))
    written = "".join(e.data["text"] for e in events.read(run.id) if e.kind == "text")

    def receive(sender, run, **kwargs):
        seen.append(run.output)

    run_finished.connect(receive)
    try:
        assert runner.recover() == 1
        assert runner.recover() == 0
    finally:
        run_finished.disconnect(receive)
    run = Run.objects.get(id=run.id)
    assert (run.state, run.output, run.finish_reason) == ("interrupted", written, "interrupted")
    assert written.startswith("0 1 ")
    log = events.read(run.id)
    assert [e.seq for e in log] == list(range(1, run.last_seq + 1))
    assert log[-1].data == {"state": "interrupted", "finish_reason": "interrupted"}
    assert seen == [written]


def test_a_run_of_a_live_process_can_be_cancelled_from_here(owner, start_process):
    run = queue(owner)
    start_process()
    eventually(lambda: "text" in kinds(run))
    services.run_cancel(run=run)
    eventually(lambda: not Run.objects.get(id=run.id).is_active, seconds=10)
    assert Run.objects.get(id=run.id).state == "stopped"


def test_two_processes_share_the_queue_and_no_run_is_worked_on_twice(owner, start_process):
    queued = [queue(owner, pieces=3) for _ in range(30)]
    start_process()
    start_process()
    eventually(lambda: Run.objects.filter(state="completed").count() == len(queued))
    for run in Run.objects.all():
        assert run.output == "0 1 2 "
        assert kinds(run).count("state") == kinds(run).count("done") == 1


def held(owner, **fields):
    run = Run.objects.create(
        owner=owner, kind="test", state=fields.pop("state", Run.State.RUNNING), **fields
    )
    Run.objects.filter(id=run.id).update(last_seq=0)
    return run


def test_a_lease_of_another_host_counts_until_it_lapses(owner):
    soon = timezone.now() + timedelta(seconds=20)
    run = held(owner, lease_owner="elsewhere/1 77 123 token", lease_until=soon)
    events.append(run.id, [text("partial")])
    assert runner.recover() == 0
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert runner.recover() == 1
    run = Run.objects.get(id=run.id)
    assert (run.state, run.output) == ("interrupted", "partial")


def test_a_process_id_that_was_given_again_does_not_count(owner):
    later = timezone.now() + timedelta(hours=1)
    host = leases.process_name().rsplit(" ", 2)[0]
    held(owner, lease_owner=f"{host} {os.getpid()} 1 token", lease_until=later)
    held(owner, lease_owner=f"{leases.process_name()} token", lease_until=later)
    assert runner.recover() == 1


def test_a_waiting_run_is_recovered_and_a_cancelled_one_is_stopped(owner):
    past = timezone.now() - timedelta(seconds=1)
    waiting = held(owner, state=Run.State.WAITING, lease_owner="a b c d", lease_until=past)
    stopped = held(owner, lease_owner="a b c e", lease_until=past, cancel_requested=True)
    assert runner.recover() == 2
    assert Run.objects.get(id=waiting.id).state == "interrupted"
    assert Run.objects.get(id=stopped.id).state == "stopped"


def test_a_lease_that_is_renewed_at_the_last_moment_is_not_taken(owner):
    past = timezone.now() - timedelta(seconds=1)
    run = held(owner, lease_owner="a b c d", lease_until=past)
    seen = leases.abandoned().get()
    leases.renew(["a b c d"])
    assert leases.take_over(seen) is None
    assert Run.objects.get(id=run.id).lease_owner == "a b c d"


def test_only_one_takes_over_and_the_old_holder_can_write_no_more(owner):
    past = timezone.now() - timedelta(seconds=1)
    run = held(owner, lease_owner="a b c d", lease_until=past)
    seen = leases.abandoned().get()
    assert leases.take_over(seen)
    assert leases.take_over(seen) is None
    with pytest.raises(RunEnded):
        events.append(run.id, [text("late")], lease="a b c d")


def test_a_run_whose_lease_is_lost_stops_here_and_is_left_alone(runs):
    freed = Event()

    class Answer:
        def cancel(self):
            freed.set()

        close = cancel

    def loop(run):
        with control.closing(Answer()):
            yield text("x")
            freed.wait(20)
            yield text("late")

    run = runs.start(loop)
    runs.until_logged(run, "text")
    later = timezone.now() + timedelta(minutes=1)
    Run.objects.filter(id=run.id).update(lease_owner="the new holder", lease_until=later)
    assert freed.wait(5)
    idle()
    run = Run.objects.get(id=run.id)
    assert (run.state, kinds(run)) == ("running", ["state", "state", "text"])


def test_leases_are_renewed_while_the_run_lives(runs, monkeypatch):
    monkeypatch.setattr(runner, "RENEW_SECONDS", 0.1)
    gate = Event()

    def loop(run):
        yield text("x")
        gate.wait(20)

    run = runs.start(loop)
    runs.until_logged(run, "text")
    first = Run.objects.get(id=run.id).lease_until
    eventually(lambda: Run.objects.get(id=run.id).lease_until > first, seconds=5)
    gate.set()
    runs.until(run)
