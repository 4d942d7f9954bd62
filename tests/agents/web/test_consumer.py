"""A run's log over a WebSocket, as JSON and as HTML."""

import asyncio
import json
import threading
import uuid

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from agents import services
from agents.kinds import KINDS, RunKind
from agents.log import events, flow
from agents.models import Run
from agents.routing import websocket_urlpatterns
from tests.agents.conftest import text
from tests.waiting import eventually

ACK = json.dumps({"type": "ack"})


class Socket(WebsocketCommunicator):
    def __init__(self, user, run_id, query=""):
        super().__init__(URLRouter(websocket_urlpatterns), f"/ws/runs/{run_id}/{query}")
        self.scope["user"] = user

    async def frame(self, ack=True):
        """The next frame, acknowledged; None when the socket is closed (see `code`)."""
        message = await self.receive_output(10)
        if message["type"] == "websocket.close":
            self.code = message["code"]
            return None
        if ack:
            await self.send_to(text_data=ACK)
        return message["text"]

    async def frames(self):
        found = []
        while (frame := await self.frame()) is not None:
            found.append(frame)
        return found


async def connected(user, run_id, query=""):
    socket = Socket(user, run_id, query)
    assert (await socket.connect())[0]
    return socket


@pytest.fixture
def run(runs, gate):
    """Says "one", then "two" when the gate opens."""

    def loop(run):
        yield text("one ")
        gate.wait(20)
        yield text("two")

    started = runs.start(loop)
    runs.until_logged(started, "text")
    return started


async def log_of(run):
    log = await sync_to_async(events.read)(run.id)
    return [{"seq": e.seq, "kind": e.kind, "data": e.data} for e in log]


async def test_json_frames_are_the_log(owner, run, gate):
    socket = await connected(owner, run.id)
    assert json.loads(await socket.frame())["data"] == {"state": "queued"}
    gate.set()
    rest = await socket.frames()
    assert socket.code == 1000
    assert [json.loads(frame) for frame in rest] == (await log_of(run))[1:]


@pytest.mark.parametrize("after", [1, 3, 4, 99])
async def test_json_goes_on_after_a_number(owner, run, gate, after):
    socket = await connected(owner, run.id, f"?after={after}")
    gate.set()
    frames = [json.loads(frame) for frame in await socket.frames()]
    assert frames == (await log_of(run))[after:]


async def test_html_is_a_snapshot_then_changes_then_the_final_message(owner, run, gate):
    socket = await connected(owner, run.id, "?format=html&after=3")
    assert await socket.frame() == "<start>one </start>"
    gate.set()
    rest = await socket.frames()
    assert rest[-1] == "<final>one two</final>"
    assert "".join(rest[:-1]) in ("", "<more>two</more>")


async def test_html_of_a_run_that_is_over_is_a_snapshot_and_the_final_message(owner, run, gate):
    gate.set()
    await (await connected(owner, run.id)).frames()
    socket = await connected(owner, run.id, "?format=html")
    assert await socket.frames() == ["<start>one two</start>", "<final>one two</final>"]


@pytest.mark.parametrize("query", ["", "?format=html"])
async def test_the_run_of_somebody_else_does_not_exist(other_user, run, query):
    socket = await connected(other_user, run.id, query)
    if not query:
        error = json.loads(await socket.frame(ack=False))["error"]
        assert error == {"code": "not_found", "message": f"There is no run {run.id}."}
    assert await socket.frame() is None
    assert socket.code == 4404


async def test_an_unknown_run_and_somebody_elses_look_the_same(owner, other_user, run):
    unknown = uuid.uuid4()
    answers = []
    for user, run_id in ((owner, unknown), (other_user, run.id)):
        socket = await connected(user, run_id)
        answers.append((await socket.frame(ack=False)).replace(str(run_id), ""))
        assert await socket.frame() is None
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?after=x", "after"),
        ("?after=-1", "after"),
        ("?after=" + "9" * 5000, "after"),
        ("?format=xml", "format"),
    ],
)
async def test_a_bad_address_says_which_part(owner, run, query, field):
    socket = await connected(owner, run.id, query)
    error = json.loads(await socket.frame(ack=False))["error"]
    assert (error["code"], error["field"]) == ("invalid_request", field)
    assert await socket.frame() is None
    assert socket.code == 4400


@pytest.mark.parametrize(
    "sent", ["nonsense", "[]", '{"type": "shout"}', '{"no": 1}', "1", "[" * 100_000]
)
async def test_a_broken_frame_is_refused(owner, run, sent):
    socket = await connected(owner, run.id, "?after=3")
    await socket.send_to(text_data=sent)
    assert json.loads(await socket.frame(ack=False))["error"]["field"] == "type"
    assert await socket.frame() is None
    assert socket.code == 4400


async def test_a_binary_frame_is_refused(owner, run):
    socket = await connected(owner, run.id, "?after=3")
    await socket.send_to(bytes_data=b"\x00\xff")
    assert "error" in json.loads(await socket.frame(ack=False))
    assert await socket.frame() is None


async def test_a_reader_that_acknowledges_nothing_gets_so_much_and_is_closed(
    owner, runs, monkeypatch
):
    monkeypatch.setattr(flow, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr("agents.log.coalescing.INTERVAL", 0)

    def loop(run):
        for number in range(200):
            yield text(f"{number} ")

    run = await sync_to_async(runs.start)(loop)
    run = await sync_to_async(runs.until)(run)
    socket = await connected(owner, run.id)
    await asyncio.to_thread(eventually, lambda: socket.output_queue.qsize() >= flow.WINDOW)
    await asyncio.sleep(0.2)  # it could send more, and must not
    assert socket.output_queue.qsize() == flow.WINDOW
    for _ in range(flow.WINDOW):
        await socket.frame(ack=False)
    error = json.loads(await socket.frame(ack=False))["error"]
    assert error["code"] == "reader_too_slow"
    assert await socket.frame() is None
    assert socket.code == 4408

    again = await connected(owner, run.id, f"?after={flow.WINDOW}")  # the log lets it catch up
    frames = [json.loads(frame)["seq"] for frame in await again.frames()]
    assert frames == list(range(flow.WINDOW + 1, run.last_seq + 1))
    assert len(frames) > 100


async def test_a_slow_page_gets_the_changes_together(owner, runs, monkeypatch):
    monkeypatch.setattr(flow, "WINDOW", 2)
    monkeypatch.setattr("agents.log.coalescing.INTERVAL", 0)
    first, rest = threading.Event(), threading.Event()

    def loop(run):
        yield text("a")
        first.wait(20)
        yield text("b")
        rest.wait(20)
        for _ in range(50):
            yield text("c")

    run = await sync_to_async(runs.start)(loop)
    await sync_to_async(runs.until_logged)(run, "text")
    socket = await connected(owner, run.id, "?format=html")
    assert await socket.frame(ack=False) == "<start>a</start>"
    first.set()
    assert await socket.frame(ack=False) == "<more>b</more>"
    rest.set()
    await sync_to_async(runs.until)(run)
    for _ in range(2):
        await socket.send_to(text_data=ACK)
    frames = await socket.frames()
    assert len(frames) < 10
    assert frames[-1] == f"<final>ab{'c' * 50}</final>"


async def test_leaving_ends_the_readers_task(owner, run, gate):
    before = len(asyncio.all_tasks())
    socket = await connected(owner, run.id)
    await socket.frame()
    await socket.disconnect()
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(eventually, lambda: len(asyncio.all_tasks(loop)) == before)


async def test_a_renderer_that_breaks_closes_the_socket_and_is_logged(
    owner, run, monkeypatch, caplog
):
    monkeypatch.setitem(KINDS, "test", RunKind(loop="", renderer="tests.agents.nowhere.Renderer"))
    socket = await connected(owner, run.id, "?format=html")
    assert await socket.frame() is None
    assert socket.code == 1011
    assert any(f"WS /ws/runs/{run.id}" in record.getMessage() for record in caplog.records)


async def test_two_tabs_see_the_same_and_one_stops_it_for_both(owner, run):
    tabs = [await connected(owner, run.id, "?format=html") for _ in range(2)]
    assert [await tab.frame() for tab in tabs] == ["<start>one </start>"] * 2
    await sync_to_async(services.run_cancel)(run=run)
    assert [(await tab.frames())[-1] for tab in tabs] == ["<final>one </final>"] * 2
    assert (await sync_to_async(Run.objects.get)(id=run.id)).state == "stopped"
