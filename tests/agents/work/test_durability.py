"""`kill -9` of the server at random moments of a run: nothing is lost and nothing happens twice.

A tool of a package that the test installs counts its own calls, in a file that outlives the server.
CORTEX_TEST_KILLS sets how often the server is killed.
"""

import os
import random
import sqlite3
import time
from collections import Counter

import pytest
import requests

from tests.remote_model import remote_model, step
from tests.waiting import eventually

pytestmark = pytest.mark.live

KILLS = int(os.environ.get("CORTEX_TEST_KILLS", "4"))
STEPS = 4  # calls of the tool; the fifth step finishes
TOOL = """
import os, time
from tooling.base import BaseTool, ToolParameter, ToolResult

class Count(BaseTool):
    name = "{name}"
    description = "Counts its calls."
    parameters = {{"label": ToolParameter("label", "string", "What to count.")}}
    repeatable = {repeatable}

    def execute(self, label):
        time.sleep(0.15)
        with open(os.environ["COUNT_FILE"], "a") as file:
            file.write(label + "\\n")
        time.sleep(0.15)
        return ToolResult(True, "counted " + label)
"""
POINTS = "[cortex.tools]\ncount = counting:Count\n"
CUT_OFF = "This call was cut off"


@pytest.fixture
def remote():
    with remote_model() as made:
        made.delay = 0.01
        yield made


def install(folder, repeatable):
    """A package with one tool, as an installer would leave it."""
    info = folder / "counting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (folder / "counting.py").write_text(TOOL.format(name="count", repeatable=repeatable))


def server_with(server_factory, remote, folder, repeatable=False):
    install(folder / "packages", repeatable)
    env = {"PYTHONPATH": str(folder / "packages"), "COUNT_FILE": str(folder / "count")}
    server = server_factory.make(env)
    remote.register(server)
    return server.start()


def start(server, goal):
    """Start a run by its stream, and let go: the run outlives the connection."""
    url = f"{server.url}/api/agents/execute/stream"
    with requests.post(url, json={"goal": goal}, stream=True, timeout=60) as response:
        assert response.status_code == 200, response.text
        return response.headers["X-Run-Id"]


def run_of(server, run_id):
    return requests.get(f"{server.url}/api/agents/runs/{run_id}", timeout=30).json()


def ended(server, run_id, seconds=90):
    active = ("queued", "running", "waiting")
    eventually(lambda: run_of(server, run_id)["state"] not in active, seconds)
    return run_of(server, run_id)


def steps_of(server, run_id):
    url = f"{server.url}/api/agents/runs/{run_id}/steps"
    return requests.get(url, timeout=30).json()["steps"]


def resume(server, run_id):
    response = requests.post(f"{server.url}/api/agents/runs/{run_id}/resume", timeout=30)
    assert response.status_code == 202, response.text


def counted(folder):
    file = folder / "count"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def calls_that_succeeded(server, run_id):
    """How many of this run's calls the log of tools has as succeeded, by step."""
    with sqlite3.connect(f"file:{server.data}/cortex.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute(
            "select step from tooling_toolcall where run = ? and state = 'succeeded'",
            [run_id.replace("-", "")],
        )
        return Counter(number for (number,) in rows)


def script(name):
    calls = [
        step("count", thought=f"call {n} of {name}", label=f"{name}-{n}") for n in range(STEPS)
    ]
    return [*calls, step("finish", answer=f"answer of {name}")]


def test_a_run_killed_at_any_moment_ends_with_the_same_answer(server_factory, remote, tmp_path):
    server = server_with(server_factory, remote, tmp_path)
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}, {KILLS} kills")
    moments = random.Random(seed)
    cut_off = 0
    for number in range(KILLS):
        name = f"goal-{number}."
        remote.scripts[name] = script(name)
        run_id = start(server, name)
        time.sleep(moments.uniform(0.0, 2.6))
        before = steps_of(server, run_id)
        server.kill()
        server.restart()
        run = ended(server, run_id)
        if run["state"] == "interrupted":
            resume(server, run_id)
            run = ended(server, run_id)
        assert (run["state"], run["output"]) == ("completed", f"answer of {name}")
        steps = steps_of(server, run_id)
        kept = [one for one in before if one["status"] != "acting"]
        assert steps[: len(kept)] == kept
        assert [one["step_number"] for one in steps] == list(range(1, STEPS + 2))
        calls, done = counted(tmp_path), calls_that_succeeded(server, run_id)
        for one in steps[:-1]:
            times = calls[one["action_input"]["label"]]
            if CUT_OFF in one["observation"]:
                cut_off += 1
                assert times <= 1
            else:
                assert (times, done[one["step_number"]]) == (1, 1)
        events = f"{server.url}/api/agents/runs/{run_id}/events?limit=1000"
        log = requests.get(events, timeout=30).json()["events"]
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    print(f"{cut_off} calls were cut off in their middle and not made again")


def test_a_repeatable_tool_that_was_cut_off_is_called_again(server_factory, remote, tmp_path):
    server = server_with(server_factory, remote, tmp_path, repeatable=True)
    remote.scripts["goal."] = script("goal.")
    run_id = start(server, "goal.")
    eventually(lambda: "acting" in [one["status"] for one in steps_of(server, run_id)])
    server.kill()
    server.restart()
    assert ended(server, run_id)["state"] == "interrupted"
    resume(server, run_id)
    run = ended(server, run_id)
    assert (run["state"], run["output"]) == ("completed", "answer of goal.")
    assert CUT_OFF not in str(steps_of(server, run_id))
    assert set(calls_that_succeeded(server, run_id).values()) == {1}
