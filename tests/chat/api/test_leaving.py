"""A client that leaves keeps nothing busy, at whatever moment it leaves and on whatever route."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Run
from agents.work import runner
from inference.loaded.registry import REGISTRY
from tests.chat.asgi import start
from tests.scripted import MODEL, Reply, ScriptedEngine
from tests.waiting import eventually
from tooling.models import ToolCall

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 24
HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}
CODE = {"tool_name": "code_generator", "parameters": {"request": "a sum"}}
ROUTES: dict[str, tuple[str, Any]] = {
    "whole": ("/api/chat/completions", HELLO),
    "stream": ("/api/chat/completions/stream", HELLO),
    "whole, as a stream": ("/api/chat/completions", {**HELLO, "stream": True}),
    "ask": ("/ask", {"question": "Hello?"}),
    "openai": ("/v1/chat/completions", HELLO),
    "openai, stream": ("/v1/chat/completions", {**HELLO, "stream": True, "n": 2}),
    "openai, text": ("/v1/completions", {"prompt": "Once"}),
    "openai, text stream": ("/v1/completions", {"prompt": "Once", "stream": True}),
    "plan": ("/api/agents/plan", {"goal": "Be done."}),
    "agent": ("/api/agents/execute", {"goal": "Be done."}),
    "tool": ("/api/tools/execute", CODE),
}


@pytest.fixture
def endless(scripted: ScriptedEngine) -> Iterator[ScriptedEngine]:
    """A model whose answers end only when they are cancelled."""
    gate = threading.Event()
    scripted.fallback = Reply("one two three", gate=gate)
    yield scripted
    gate.set()


def active() -> int:
    slot = REGISTRY.slot(MODEL)
    return slot.active if slot else 0


def idle(engine: ScriptedEngine) -> bool:
    """Nothing is asked for any more, and nobody holds the model."""
    return not engine.streams and not active() and not runner.is_active()


@pytest.mark.parametrize("route", ROUTES)
async def test_clients_that_leave_before_the_first_token_keep_no_slot(
    endless: ScriptedEngine, route: str
) -> None:
    url, body = ROUTES[route]

    async def leave_after(seconds: float) -> None:
        exchange = await start("POST", url, body)
        await asyncio.sleep(seconds)
        await exchange.leave()

    await asyncio.gather(*(leave_after(number * 0.01) for number in range(AT_ONCE)))
    await asyncio.to_thread(eventually, lambda: idle(endless))
    assert not await asyncio.to_thread(Run.objects.filter(state__in=Run.ACTIVE).exists), (
        "a run outlives who waited for it"
    )
    running = ToolCall.objects.filter(state=ToolCall.State.RUNNING)
    await asyncio.to_thread(eventually, lambda: not running.exists())


@pytest.mark.parametrize("route", ROUTES)
async def test_a_client_that_is_gone_before_its_view_begins_asks_nothing(
    endless: ScriptedEngine, route: str
) -> None:
    """The synchronous middleware has not yet handed on to the view when it is cancelled."""
    url, body = ROUTES[route]
    exchanges = [await start("POST", url, body) for _ in range(3)]
    await asyncio.gather(*(exchange.leave() for exchange in exchanges))
    await asyncio.to_thread(eventually, lambda: idle(endless))


async def test_clients_that_stay_are_answered_beside_those_that_leave(
    scripted: ScriptedEngine,
) -> None:
    scripted.fallback = Reply("Paris", delay=0.05)
    staying = [await start("POST", "/api/chat/completions", HELLO) for _ in range(4)]
    leaving = [await start("POST", "/api/chat/completions", HELLO) for _ in range(8)]
    await asyncio.gather(*(exchange.leave() for exchange in leaving))
    for exchange in staying:
        body = await (await exchange.begin()).json()
        assert body["message"]["content"] == "Paris"
    await asyncio.to_thread(eventually, lambda: idle(scripted))
