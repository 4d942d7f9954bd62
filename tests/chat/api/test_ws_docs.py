"""docs/websocket.md says what the sockets do: every frame in it is tried."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from agents.log.events import append
from agents.loops.contract import EventKind, LoopEvent
from agents.models import Run
from agents.react.steps import StepRecord, step_data
from agents.routing import websocket_urlpatterns
from agents.web import consumers
from chat.api.serializers import ChatRequestSerializer
from inference.types import Usage, encode
from tests.chat.api.conftest import Socket
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text()


def section(heading: str, text: str = TEXT) -> str:
    """What stands below a heading, up to the next one of its rank."""
    rank = heading.split()[0]
    start = text.index(f"{heading}\n") + len(heading)
    end = re.compile(rf"^#{{1,{len(rank)}}} ", re.MULTILINE).search(text, start)
    return text[start : end.start() if end else None]


def frames(part: str) -> dict[str, Any]:
    """The example of each frame below a heading, by the frame's name."""
    blocks = re.findall(r"#### (\w+)\n.*?```json\n(.*?)```", part, re.DOTALL)
    return {name: json.loads(block) for name, block in blocks}


CHAT = section("## /api/chat/ws")
CLIENT, SERVER = (
    frames(section("### From the client", CHAT)),
    frames(section("### From the server", CHAT)),
)


def shape(value: Any) -> Any:
    """The keys of a frame, without what stands in them."""
    return {key: shape(each) for key, each in value.items()} if isinstance(value, dict) else ...


def test_each_example_stands_under_its_name() -> None:
    assert list(CLIENT) == ["chat", "cancel", "ping"]
    assert list(SERVER) == ["start", "token", "thinking", "error", "done", "pong"]
    assert all(frame["type"] == name for name, frame in {**CLIENT, **SERVER}.items())


async def test_the_server_takes_every_client_frame(
    scripted: ScriptedEngine,
    socket: Socket,
) -> None:
    scripted.reply("one two", delay=5)
    await socket.send(CLIENT["chat"])
    await socket.send(CLIENT["ping"])
    assert await socket.receive() == SERVER["pong"]
    await asyncio.to_thread(scripted.wait_for_requests, 1)  # the loop has to go on meanwhile
    await socket.send(CLIENT["cancel"])
    done = (await socket.until_done())[-1]
    assert (done["id"], done["finish_reason"]) == (CLIENT["chat"]["id"], "cancelled")


async def test_the_server_sends_every_server_frame_as_it_stands(
    scripted: ScriptedEngine,
    socket: Socket,
) -> None:
    scripted.reply("Paris", thinking="Hm.", usage=Usage(prompt_tokens=37))
    await socket.send(CLIENT["chat"])
    sent = await socket.until_done()
    await socket.send({**CLIENT["chat"], "messages": [{"role": "robot", "content": "Hi"}]})
    sent += await socket.until_done()
    await socket.send(CLIENT["ping"])
    sent.append(await socket.receive())
    assert {frame["type"] for frame in sent} == set(SERVER)
    for frame in sent:
        if frame.get("finish_reason") != "error":  # that one has no usage
            assert shape(frame) == shape(SERVER[frame["type"]])
    error = next(frame for frame in sent if frame["type"] == "error")
    assert error == SERVER["error"]


def test_the_options_of_a_chat_are_those_of_the_http_route() -> None:
    named = set(re.findall(r"`(\w+)`", section("#### chat", CHAT)))
    assert set(ChatRequestSerializer().fields) - {"stream"} <= named


RUNS = section("## /ws/runs/<id>/")
EVENTS = frames(section("### From the server", RUNS))


def test_every_kind_of_event_is_described() -> None:
    assert set(EVENTS) == set(EventKind)
    assert all(frame["kind"] == kind for kind, frame in EVENTS.items())
    assert [frame["seq"] for frame in EVENTS.values()] == list(range(1, len(EVENTS) + 1))


def test_usages_and_steps_of_a_run_are_described() -> None:
    assert set(EVENTS["usage"]["data"]) == set(encode(Usage()))
    assert set(EVENTS["step"]["data"]) == set(step_data(StepRecord(1))) - {"prompt"}


def test_every_close_code_is_described() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d{4}) \|", RUNS, re.MULTILINE)}
    own = (consumers.BROKEN, consumers.MALFORMED, consumers.NOT_FOUND, consumers.TOO_SLOW)
    assert codes == {1000, *own}


async def test_a_log_arrives_as_it_is_described(owner: User) -> None:
    run = await database_sync_to_async(run_of)(owner)
    communicator = WebsocketCommunicator(URLRouter(websocket_urlpatterns), f"/ws/runs/{run.id}/")
    communicator.scope["user"] = owner
    assert (await communicator.connect())[0]
    ack = frames(section("### From the client", RUNS))["ack"]
    for frame in EVENTS.values():
        assert json.loads(await communicator.receive_from(timeout=10)) == frame
        await communicator.send_to(text_data=json.dumps(ack))
    closed = await communicator.receive_output(timeout=10)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1000)


def run_of(owner: User) -> Run:
    """A run whose log is the one of the description."""
    run = Run.objects.create(owner=owner, kind="reply", state=Run.State.RUNNING)
    log = [LoopEvent(kind, frame["data"]) for kind, frame in EVENTS.items()]
    append(run.id, log, state=Run.State.COMPLETED)
    return run
