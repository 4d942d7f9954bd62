"""Old logs go, by age and by size; what chats show of them, and what is under way, stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.log import events
from agents.log.frames import html_frames
from agents.loops.contract import LoopEvent
from agents.models import Event, Run, Step
from agents.work.pruning import logs_measure, prune
from chat.models import Conversation, Message
from tooling.models import ToolCall

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Run]


@pytest.fixture
def make(owner: User) -> Make:
    """A run that ended so many days ago, with a log of about so many bytes."""

    def run(days: int, size: int = 100, **fields: Any) -> Run:
        ended = timezone.now() - timedelta(days=days)
        values = {"kind": "react", "state": "completed", "finished_at": ended, **fields}
        made = Run.objects.create(owner=owner, params={"goal": "g"}, last_seq=3, **values)
        logged = [
            LoopEvent("plan", {"text": "1. Think"}),
            LoopEvent("text", {"text": "x" * size}),
            LoopEvent("done", {"state": made.state, "finish_reason": "stop"}),
        ]
        events.store(made.id, logged, last=3)
        Step.objects.create(run=made, step_number=1, status="observing", text="y")
        return made

    return run


def answer(owner: User, run: Run) -> Message:
    chat = Conversation.objects.create(owner=owner)
    return Message.objects.create(
        conversation=chat, role="assistant", content="An answer.", run=run
    )


def call(owner: User, days: int, size: int = 100, **fields: Any) -> ToolCall:
    values = {"tool": "calculator", "state": "succeeded", "timeout_seconds": 1, **fields}
    made = ToolCall.objects.create(caller=owner, result="r" * size, **values)
    began = timezone.now() - timedelta(days=days)
    ToolCall.objects.filter(id=made.id).update(created_at=began)
    return made


def ids(model: Any) -> set[Any]:
    return set(model.objects.values_list("id", flat=True))


def test_what_is_older_than_the_days_goes(owner: User, make: Make, settings: Any) -> None:
    settings.LOG_KEEP_DAYS, settings.LOG_KEEP_SIZE = 30, 0
    old, new, active = make(31), make(29), make(99, state="running", finished_at=None)
    old_call, new_call = call(owner, 31), call(owner, 29)
    prune()
    assert ids(Run) == {new.id, active.id}
    assert ids(ToolCall) == {new_call.id}
    assert not Event.objects.filter(run=old.id).exists()
    assert not Step.objects.filter(run=old.id).exists()
    assert old_call.id not in ids(ToolCall)
    assert Event.objects.filter(run=active).count() == 3


def test_zero_keeps_for_ever(owner: User, make: Make, settings: Any) -> None:
    settings.LOG_KEEP_DAYS = settings.LOG_KEEP_SIZE = 0
    make(10_000, size=100_000)
    call(owner, 10_000, size=10_000)
    prune()
    assert (Run.objects.count(), Event.objects.count(), ToolCall.objects.count()) == (1, 3, 1)


def test_the_oldest_go_when_there_is_too_much(owner: User, make: Make, settings: Any) -> None:
    settings.LOG_KEEP_DAYS, settings.LOG_KEEP_SIZE = 0, 250_000
    runs = [make(days, size=100_000) for days in (4, 3, 2, 1)]
    calls = [call(owner, days, size=100_000) for days in (4, 3, 2, 1)]
    prune()
    assert ids(Run) == {run.id for run in runs[2:]}
    assert ids(ToolCall) == {each.id for each in calls[2:]}
    assert logs_measure().size <= settings.LOG_KEEP_SIZE
    prune()
    assert Run.objects.count() == 2


@pytest.mark.parametrize("limit", ["days", "size"])
async def test_what_a_chat_shows_of_its_run_stays(
    owner: User, make: Make, settings: Any, limit: str
) -> None:
    settings.LOG_KEEP_DAYS = 30 if limit == "days" else 0
    settings.LOG_KEEP_SIZE = 1 if limit == "size" else 0
    await _stays(owner, make)


async def _stays(owner: User, make: Make) -> None:
    from asgiref.sync import sync_to_async

    def check() -> Run:
        run = make(99, size=100_000, usage={"prompt_tokens": 7})
        message = answer(owner, run)
        prune()
        message.refresh_from_db()
        run.refresh_from_db()
        assert (message.content, message.run_id) == ("An answer.", run.id)
        assert run.usage == {"prompt_tokens": 7}
        assert Step.objects.filter(run=run).count() == 1
        assert [event.kind for event in events.read(run.id)] == ["plan", "done"]
        prune()
        assert logs_measure().events == 2
        return run

    run = await sync_to_async(check)()
    frames = [frame async for frame in html_frames(run)]  # a reader of what is left comes to an end
    assert "y" in "".join(frames)


def test_a_run_of_a_chat_that_can_go_on_keeps_its_log(
    owner: User, make: Make, settings: Any
) -> None:
    settings.LOG_KEEP_DAYS, settings.LOG_KEEP_SIZE = 30, 1
    run = make(99, state="interrupted")
    message = answer(owner, run)
    made = call(owner, 99, run=run.id, step=1)
    prune()
    message.refresh_from_db()
    assert message.run_id == run.id
    assert len(events.read(run.id)) == 3
    assert ToolCall.objects.filter(id=made.id).exists(), "it must not be made again"


def test_the_admin_says_how_much_there_is(
    owner: User, owner_client: Client, make: Make, settings: Any
) -> None:
    settings.LOG_KEEP_DAYS, settings.LOG_KEEP_SIZE = 30, 2**20
    make(1, size=100_000)
    call(owner, 1)
    runs = owner_client.get("/admin/agents/run/").content.decode()
    assert "1 runs with 3 entries take 9" in runs
    assert "removed after 30 days, and the oldest first when all take more than 1.0" in runs
    calls = owner_client.get("/admin/tooling/toolcall/").content.decode()
    assert "1 calls take 1" in calls
    settings.LOG_KEEP_DAYS = settings.LOG_KEEP_SIZE = 0
    assert "kept for ever" in owner_client.get("/admin/tooling/toolcall/").content.decode()
