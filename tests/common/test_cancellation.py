"""Work is given up from outside: by who closes its scope, by the clock, by a client that leaves."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from common.cancellation import (
    CancelScope,
    WhileConnected,
    cancellable,
    on_cancel,
    wait_for,
    within,
)
from common.errors import RequestCancelled, TimeUp

GONE = {"http": {"type": "http.disconnect"}, "websocket": {"type": "websocket.disconnect"}}


async def nothing(message: Any) -> None:
    """What the application sends is not looked at."""


@pytest.mark.parametrize("kind", GONE)
async def test_a_client_that_leaves_closes_the_scope_of_its_request(kind: str) -> None:
    ended: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        on_cancel(lambda: ended.append("now"))
        assert not ended
        await receive()
        assert ended == ["now"]
        on_cancel(lambda: ended.append("at once"))
        assert ended == ["now", "at once"]

    async def receive() -> Any:
        return GONE[kind]

    await WhileConnected(application)({"type": kind}, receive, nothing)
    assert ended == ["now", "at once"]


async def test_the_end_of_a_request_closes_its_scope() -> None:
    ended = threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        on_cancel(ended.set)
        raise LookupError("broken")

    with pytest.raises(LookupError):
        await WhileConnected(application)({"type": "http"}, nothing, nothing)
    assert ended.is_set()


async def test_the_scope_reaches_what_runs_below_synchronous_code() -> None:
    """A middleware that is synchronous hands the view to a task of its own."""
    seen = threading.Event()

    async def view() -> None:
        on_cancel(seen.set)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(lambda: async_to_sync(view)())()
        assert not seen.is_set()
        await receive()
        assert seen.is_set()

    async def receive() -> Any:
        return GONE["http"]

    await WhileConnected(application)({"type": "http"}, receive, nothing)


async def test_requests_do_not_share_a_scope() -> None:
    begun, leave = asyncio.Event(), asyncio.Event()
    stays, leaves = threading.Event(), threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        on_cancel(scope["mark"].set)
        begun.set()
        await receive()

    async def leaving() -> Any:
        await leave.wait()
        return GONE["http"]

    async def staying() -> Any:
        await asyncio.Event().wait()

    wrapped = WhileConnected(application)
    kept = asyncio.create_task(wrapped({"type": "http", "mark": stays}, staying, nothing))
    left = asyncio.create_task(wrapped({"type": "http", "mark": leaves}, leaving, nothing))
    await begun.wait()
    leave.set()
    await left
    assert leaves.is_set()
    assert not stays.is_set()
    kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept
    assert stays.is_set()


def test_what_is_waited_for_is_given_up_when_the_time_is_up() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeUp, match=r"within 0\.1 s"), within(0.1):
        wait_for(Future())
    assert time.monotonic() - begun < 5


def test_no_limit_of_time_and_one_that_is_kept_change_nothing() -> None:
    done: Future[int] = Future()
    done.set_result(3)
    for seconds in (None, 60.0):
        with within(seconds):
            assert wait_for(done) == 3


def test_whoever_waits_within_a_time_still_belongs_to_the_scope_around_it() -> None:
    scope = CancelScope()
    scope.close()
    with cancellable(scope), pytest.raises(RequestCancelled) as caught, within(60.0):
        wait_for(Future())
    assert not isinstance(caught.value, TimeUp)
