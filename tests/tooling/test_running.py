"""One call at work: its time, its end, its result, and many at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError

from common.cancellation import CancelScope, cancellable
from tests.tooling.samples import (
    AsyncWaitingTool,
    GivingTool,
    MeetingTool,
    NappingTool,
    SampleTool,
    StubbornTool,
    WaitingTool,
)
from tests.waiting import eventually
from tooling import running, services
from tooling.base import ToolResult
from tooling.errors import ToolsBusy
from tooling.models import ToolCall


def execute(owner, **options):
    return services.tool_execute(**{"name": "sample", "arguments": {}, "caller": owner} | options)


def test_a_plain_and_an_async_tool_get_their_arguments(owner, register):
    plain = register(SampleTool("plain", text={"type": "string"}))
    register(NappingTool("nap", number={"type": "integer"}))
    assert execute(owner, name="plain", arguments={"text": "x"}).result == {"text": "x"}
    assert execute(owner, name="nap", arguments={"number": 3}).result == 3
    assert plain.calls == [{"text": "x"}]


@pytest.mark.parametrize("kind", [WaitingTool, AsyncWaitingTool])
def test_a_call_ends_at_its_time_limit(owner, register, kind):
    tool = register(kind(timeout=0.2))
    result = execute(owner)
    assert not result.success
    assert "longer than 0.2 s" in result.error
    assert tool.ended.wait(5)  # and does not go on in secret
    assert ToolCall.objects.get().state == ToolCall.State.TIMED_OUT


def test_a_caller_can_shorten_the_limit_and_not_lengthen_it(owner, register):
    register(WaitingTool(timeout=0.3))
    assert "longer than 0.1 s" in execute(owner, timeout=0.1).error
    assert "longer than 0.3 s" in execute(owner, timeout=60).error


@pytest.mark.parametrize("kind", [WaitingTool, AsyncWaitingTool])
def test_a_call_ends_when_its_caller_does_not_want_it(owner, register, kind):
    tool, unwanted = register(kind()), threading.Event()
    threading.Thread(target=lambda: (tool.started.wait(5), unwanted.set())).start()
    result = execute(owner, cancelled=unwanted.is_set)
    assert (result.success, result.error) == (False, "sample was cancelled.")
    assert tool.ended.wait(5)
    assert ToolCall.objects.get().state == ToolCall.State.CANCELLED


def test_a_call_ends_with_the_scope_in_which_its_caller_works(owner, register):
    tool, scope = register(WaitingTool()), CancelScope()
    threading.Thread(target=lambda: (tool.started.wait(5), scope.close())).start()
    with cancellable(scope):
        assert execute(owner).error == "sample was cancelled."


def test_a_call_ends_when_its_row_is_marked(owner, register):
    tool = register(WaitingTool())
    call = services.tool_call_start(name="sample", arguments={}, caller=owner)
    assert tool.started.wait(5)
    services.tool_call_cancel(id=call.id, caller=owner)
    assert tool.ended.wait(5)
    eventually(lambda: not ToolCall.objects.filter(state=ToolCall.State.RUNNING).exists())
    call.refresh_from_db()
    assert call.state == ToolCall.State.CANCELLED


def test_a_tool_that_heeds_nothing_holds_up_nobody_but_keeps_its_slot(owner, register, monkeypatch):
    monkeypatch.setattr(running, "slots", threading.BoundedSemaphore(1))
    tool = register(StubbornTool(timeout=0.1))
    try:
        assert "longer than" in execute(owner).error
        with pytest.raises(ToolsBusy) as raised:
            execute(owner)
        assert raised.value.retry_after
    finally:
        tool.release.set()
    assert tool.ended.wait(5)
    eventually(lambda: running.slots._value)
    assert execute(owner).success


def test_a_refused_call_keeps_no_slot(owner, register, monkeypatch):
    monkeypatch.setattr(running, "slots", threading.BoundedSemaphore(1))
    register(SampleTool())
    with pytest.raises(ValidationError, match="UUID"):
        execute(owner, run="no uuid")
    assert execute(owner).success


@pytest.mark.parametrize(
    ("gift", "says"),
    [
        (ValueError("out of cheese"), "ValueError: out of cheese"),
        ("text", "gave a str, not a ToolResult"),
        (None, "gave a NoneType, not a ToolResult"),
        (ToolResult(success=True, result={1: {(2, 3): 4}}), "JSON cannot hold"),
        (ToolResult(success=True, result="x" * 5_000_000), "too long"),
        (ToolResult(success=False, error="as it says"), "as it says"),
        (SystemExit(1), "SystemExit: 1"),
    ],
)
def test_what_goes_wrong_inside_a_tool_is_a_result(owner, register, gift, says):
    register(GivingTool(gift))
    result = execute(owner)
    assert not result.success
    assert says in result.error
    assert ToolCall.objects.get().state == ToolCall.State.FAILED


@pytest.mark.parametrize(
    ("gift", "becomes"),
    [
        (float("nan"), "NaN"),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ("half \ud800", "half ?"),
        (None, None),
        (b"bytes", "b'bytes'"),
    ],
)
def test_results_are_made_fit_for_json(owner, register, gift, becomes):
    register(GivingTool(ToolResult(success=True, result=gift)))
    assert execute(owner).result == becomes


def test_twenty_run_at_once(owner, register):
    """Each waits for all the others: they would never end if they took turns."""
    register(MeetingTool(20, number={"type": "integer"}))

    def call(number):
        return execute(owner, arguments={"number": number}).result

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(call, range(20))) == list(range(20))
    assert ToolCall.objects.filter(state=ToolCall.State.SUCCEEDED).count() == 20


@pytest.mark.parametrize("depth", [101, 500, 5000])
def test_a_result_that_is_nested_too_deeply_is_an_error(owner, register, depth):
    gift = []
    for _ in range(depth - 1):
        gift = [gift]
    register(GivingTool(ToolResult(True, gift)))
    result = execute(owner)
    assert not result.success
    assert "JSON cannot hold" in result.error
