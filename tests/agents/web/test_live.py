"""A real server with the embedded model: the log over the wire, and what a kill leaves of it."""

import contextlib
import json
import re
import time

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.prompts import LONG
from tests.waiting import eventually

pytestmark = [pytest.mark.live, pytest.mark.model]


def ask(server, question):
    """Send a message through the page; gives the id of the run that answers."""
    with requests.Session() as session:
        page = session.get(server.url, headers={"Accept": "text/html"})
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        headers = {"Accept": "text/html", "HX-Request": "true"}
        if token:
            headers["X-CSRFToken"] = token[1]
        answer = session.post(f"{server.url}/chat/", data={"text": question}, headers=headers)
        assert answer.status_code < 400, answer.text
    runs = requests.get(f"{server.url}/api/agents/runs?kind=reply").json()["results"]
    return runs[0]["id"]


def run_of(server, run_id):
    return requests.get(f"{server.url}/api/agents/runs/{run_id}").json()


def log_of(server, run_id):
    return requests.get(f"{server.url}/api/agents/runs/{run_id}/events?limit=1000").json()["events"]


def over_socket(server, run_id, after=0, enough=None):
    frames = []
    with connect(f"{server.ws_url}/ws/runs/{run_id}/?after={after}") as socket:
        for frame in socket:
            frames.append(json.loads(frame))
            with contextlib.suppress(ConnectionClosed):  # the last frame may have been it
                socket.send('{"type": "ack"}')
            if enough and len(frames) >= enough:
                break
    return frames


def over_sse(server, run_id, last=None):
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(last)} if last else {})
    url = f"{server.url}/api/agents/runs/{run_id}/events"
    with requests.get(url, headers=headers, stream=True, timeout=120) as response:
        lines = list(response.iter_lines(decode_unicode=True))
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_socket_stream_and_page_tell_the_same_log(cortex_server):
    run_id = ask(cortex_server, "What is the capital of France?")
    seen = over_socket(cortex_server, run_id, enough=3)
    seen += over_socket(cortex_server, run_id, after=seen[-1]["seq"])
    log = log_of(cortex_server, run_id)
    assert seen == log == over_sse(cortex_server, run_id)
    assert over_sse(cortex_server, run_id, last=3) == log[3:]
    assert [frame["seq"] for frame in log] == list(range(1, len(log) + 1))
    run = run_of(cortex_server, run_id)
    assert run["state"] == "completed"
    said = "".join(frame["data"]["text"] for frame in log if frame["kind"] == "text")
    assert said
    assert run["output"] == said
    assert run["usage"]["completion_tokens"] > 0


def test_cancel_frees_the_model_within_a_moment(cortex_server):
    run_id = ask(cortex_server, LONG)
    over_socket(cortex_server, run_id, enough=6)
    before = time.monotonic()
    requests.post(f"{cortex_server.url}/api/agents/runs/{run_id}/cancel")
    frames = over_socket(cortex_server, run_id)
    assert time.monotonic() - before < 20
    assert frames[-1]["data"]["state"] == "stopped"
    run = run_of(cortex_server, run_id)
    assert run["output"]
    assert run["usage"]["completion_tokens"] > 0  # the engine ended in good order


def test_kill_9_of_the_server_keeps_the_partial_answer(server_factory):
    server = server_factory.start()
    run_id = ask(server, LONG)
    written = over_socket(server, run_id, enough=8)
    server.kill()
    server.restart()
    eventually(lambda: run_of(server, run_id)["state"] == "interrupted", seconds=60)
    run = run_of(server, run_id)
    said = "".join(f["data"]["text"] for f in written if f["kind"] == "text")
    assert said
    assert run["output"].startswith(said)
    log = log_of(server, run_id)
    assert log[: len(written)] == written
    assert [frame["seq"] for frame in log] == list(range(1, len(log) + 1))
    assert [frame["kind"] for frame in log].count("done") == 1


def test_a_server_that_is_stopped_leaves_an_interrupted_run(server_factory):
    server = server_factory.start()
    run_id = ask(server, LONG)
    over_socket(server, run_id, enough=6)
    assert server.stop() == 0
    server.restart()
    run = run_of(server, run_id)
    assert (run["state"], bool(run["output"])) == ("interrupted", True)


def test_a_limit_of_time_holds_while_a_long_prompt_is_read(cortex_server):
    goal = {"goal": "Say in a word what this is about. " + "A fox went to the river. " * 600}
    url = f"{cortex_server.url}/api/agents/execute"
    hello = {"question": "Hello?", "max_tokens": 2}
    assert requests.post(f"{cortex_server.url}/ask", json=hello, timeout=120).ok  # it is loaded
    begun = time.monotonic()
    outcome = requests.post(url, json={**goal, "max_seconds": 1, "verbose": True}, timeout=120)
    assert time.monotonic() - begun < 1 + 2 + 5  # seconds; the last for a slow machine
    body = outcome.json()
    assert body["metadata"]["finish_reason"] in ("max_seconds", "stop")  # a fast machine is done
    if body["metadata"]["finish_reason"] == "max_seconds":
        assert "The time was up." in body["steps"][0]["observation"]
