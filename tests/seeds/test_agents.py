"""The agents' examples as they are written in the documentation, against running servers.

The embedded model solves the two small goals. What asks for more than it can runs on a scripted
remote engine, with the real tools.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json

import pytest
import requests

from tests.remote_model import remote_model, step
from tests.seeds.examples import python, shell
from tests.server import ROOT, ServerFactory
from tests.tooling.packages import TOOL, install
from tests.tooling.search_engine import STANDIN, SearchEngine

pytestmark = pytest.mark.live

SECONDS = 280
LLAMA = "mlx-community/Llama-3.1-8B-Instruct-4bit"
KEYS = {"step_number", "thought", "action", "action_input", "observation", "status"}
POWER = "What is 2 to the power of 10?"
PLAN = "1. Use web_search to find information about Python\n2. Provide final answer"
FIBONACCI = """\
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a"""
CODE = "a, b = 0, 1\nfor _ in range(10):\n    a, b = b, a + b\nprint(a)"
SCRIPTS = {
    "Write a short numbered plan": [PLAN],
    POWER: [
        step("calculator", "I need to calculate 2^10 using the calculator", expression="2**10"),
        step("finish", "I have the answer, 2^10 = 1024", answer="1024"),
    ],
    "sum of squares from 1 to 5": [
        step("calculator", expression="1**2 + 2**2 + 3**2 + 4**2 + 5**2"),
        step("finish", answer="The sum of squares from 1 to 5 is 55"),
    ],
    "Search for information about the Fibonacci sequence": [
        step("web_search", query="Fibonacci sequence"),
        step("python_repl", code=CODE),
        step("finish", answer="The 10th Fibonacci number is 55"),
    ],
    "Generate a function to calculate Fibonacci numbers": [
        step("code_generator", request="nth Fibonacci number as fibonacci(n)"),
        step("python_repl", code=f"{FIBONACCI}\nprint(fibonacci(10))"),
        step("finish", answer="55"),
    ],
    "nth Fibonacci number as fibonacci(n)": [f"```python\n{FIBONACCI}\n```"],
    "What is the factorial of 5?": [
        step("calculator", expression="5*4*3*2*1"),
        step("finish", answer="The factorial of 5 is 120"),
    ],
    "2 to the power of 8": [
        step("calculator", expression="2**8"),
        step("finish", answer="256"),
    ],
    "Your goal here": [step("finish", answer="done")],
    "for ever": [step("calculator", expression=f"{n}+1") for n in range(30)],
    "Hello!": ["Hi!"],
}


@pytest.fixture(scope="module")
def remote():
    with remote_model() as made:
        made.scripts |= SCRIPTS
        yield made


@pytest.fixture(scope="module")
def server(remote, tmp_path_factory):
    """A server whose default model is scripted, and whose web search asks an engine on loopback."""
    folder = tmp_path_factory.mktemp("agents")
    engine = SearchEngine()
    modules = {"standin_engine": STANDIN + "\nfrom standin_tool import ShoutTool as Tool\n"}
    modules["standin_tool"] = TOOL
    site = install(folder, "standin", {"engine": "standin_engine:Tool"}, modules)
    factory = ServerFactory(folder)
    env = {
        "PYTHONPATH": str(site),
        "STANDIN_URL": engine.url,
        "WEB_SEARCH_BACKENDS": "standin",
    }
    made = factory.make(env)
    remote.register(made)
    remote.register(made, name=LLAMA, default=False)
    yield made.start()
    factory.close()
    engine.close()


def execute(server, **body):
    return requests.post(f"{server.url}/api/agents/execute", json=body, timeout=SECONDS)


def well_formed(result, goal, most):
    """Whatever the model said: the response is as documented."""
    assert result.keys() == {"success", "final_answer", "steps", "metadata"}
    assert result["metadata"]["goal"] == goal
    assert result["metadata"]["iterations"] == len(result["steps"]) <= most + 1
    tools = {"calculator", "web_search", "python_repl", "code_generator", "finish"}
    for number, one in enumerate(result["steps"], 1):
        assert one.keys() >= KEYS
        assert one["step_number"] == number
        assert one["action"] in tools
        assert isinstance(one["action_input"], dict)
        assert one["status"] in ("observing", "completed")
        assert (one["observation"] is None) == (one["action"] == "finish")
    assert result["steps"][-1]["status"] == "completed"
    assert isinstance(result["final_answer"], str)


@pytest.mark.model
@pytest.mark.parametrize(
    ("goal", "most", "number"),
    [(POWER, 5, "1024"), ("What is the factorial of 5?", 10, "120")],
    ids=["power", "factorial"],
)
def test_on_the_embedded_model(cortex_server, goal, most, number):
    response = execute(cortex_server, goal=goal, max_iterations=most, verbose=True)
    assert response.status_code == 200, response.text
    result = response.json()
    well_formed(result, goal, most)
    assert result["success"] is True, result
    assert number in result["final_answer"], result
    for before, after in itertools.pairwise(one["usage"] for one in result["steps"]):
        written = before["prompt_tokens"] + before["completion_tokens"]
        assert after["cached_tokens"] >= written - 16, result


def test_info(server, tmp_path):
    printed = shell(
        server, tmp_path, "curl http://localhost:8000/api/agents/info | python3 -m json.tool"
    )
    assert json.loads(printed) == {
        "agents": [
            {
                "type": "react",
                "name": "ReAct Agent",
                "description": "Agent that uses reasoning and acting to solve problems with tools",
                "capabilities": [
                    "Multi-step reasoning",
                    "Tool usage",
                    "Self-correction",
                    "Goal-oriented problem solving",
                ],
            }
        ]
    }


def test_plan(server, remote, tmp_path):
    goal = "Calculate the sum of squares from 1 to 10"
    printed = shell(
        server,
        tmp_path,
        f"""curl -X POST http://localhost:8000/api/agents/plan \\
  -H "Content-Type: application/json" \\
  -d '{{"goal": "{goal}"}}' \\
  | python3 -m json.tool""",
    )
    body = json.loads(printed)
    assert body.keys() == {"plan", "goal"}
    assert body["goal"] == goal
    assert body["plan"] == PLAN
    assert "calculator" in remote.requests[-1]["messages"][-1]["content"]


def test_simple_math_problem(server, tmp_path):
    printed = python(
        server,
        tmp_path,
        r"""
import requests

response = requests.post(
    "http://localhost:8000/api/agents/execute",
    json={
        "goal": "What is 2 to the power of 10?",
        "max_iterations": 5,
        "verbose": True
    }
)

result = response.json()
print(f"Success: {result['success']}")
print(f"Answer: {result['final_answer']}")
print(f"\nExecution trace:")
for step in result['steps']:
    print(f"\nStep {step['step_number']}:")
    print(f"  Thought: {step['thought']}")
    if step['action']:
        print(f"  Action: {step['action']}")
        print(f"  Input: {step['action_input']}")
    if step['observation']:
        print(f"  Observation: {step['observation']}")
""",
    )
    assert (
        printed
        == """\
Success: True
Answer: 1024

Execution trace:

Step 1:
  Thought: I need to calculate 2^10 using the calculator
  Action: calculator
  Input: {'expression': '2**10'}
  Observation: Success: 1024

Step 2:
  Thought: I have the answer, 2^10 = 1024
  Action: finish
  Input: {'answer': '1024'}
"""
    )


def test_multi_step_task(server, tmp_path):
    printed = python(
        server,
        tmp_path,
        """
import requests

response = requests.post(
    "http://localhost:8000/api/agents/execute",
    json={
        "goal": "Calculate the sum of squares from 1 to 5",
        "max_iterations": 10
    }
)

result = response.json()
print(f"Final Answer: {result['final_answer']}")
""",
    )
    assert printed == "Final Answer: The sum of squares from 1 to 5 is 55\n"


def test_research_and_computation(server):
    goal = (
        "Search for information about the Fibonacci sequence and then calculate the 10th "
        "Fibonacci number"
    )
    result = execute(server, goal=goal, max_iterations=10).json()
    well_formed(result, goal, 10)
    found, computed, _ = result["steps"]
    assert "Result 1" in found["observation"]
    assert computed["observation"] == "Success: 55"
    assert result["final_answer"] == "The 10th Fibonacci number is 55"


def test_generate_then_execute(server):
    goal = (
        "Generate a function to calculate Fibonacci numbers, then use it to find the 10th "
        "Fibonacci number"
    )
    result = execute(server, goal=goal, max_iterations=15).json()
    well_formed(result, goal, 15)
    generated, ran, _ = result["steps"]
    assert "def fibonacci(n):" in generated["observation"]
    assert ran["observation"] == "Success: 55"
    assert (result["success"], result["final_answer"]) == (True, "55")


def test_the_response_as_documented(server):
    body = execute(server, goal="What is the factorial of 5?", max_iterations=10, verbose=True)
    result = body.json()
    assert result["success"] is True
    assert result["final_answer"] == "The factorial of 5 is 120"
    first, last = ({key: one[key] for key in KEYS} for one in result["steps"])
    assert first["observation"] == "Success: 120"
    assert (first["status"], last["status"]) == ("observing", "completed")
    assert (last["action"], last["observation"]) == ("finish", None)
    assert (result["metadata"]["iterations"], result["metadata"]["goal"]) == (
        2,
        "What is the factorial of 5?",
    )


def test_per_request_configuration(server, remote):
    response = execute(
        server,
        goal="Your goal here",
        model=LLAMA,
        max_iterations=15,
        verbose=True,
        context={"user_preference": "detailed explanations"},
    )
    assert response.json()["metadata"]["model"] == LLAMA
    asked = remote.requests[-1]["messages"][-1]["content"]
    assert '"user_preference": "detailed explanations"' in asked


def test_not_verbose_leaves_the_steps_out(server):
    result = execute(server, goal=POWER, verbose=False).json()
    assert result.keys() == {"success", "final_answer", "metadata"}
    assert result["final_answer"] == "1024"


def test_max_iterations_is_a_limit_that_is_said(server):
    result = execute(server, goal="for ever", max_iterations=3).json()
    assert result["success"] is False
    assert result["metadata"]["limit"] == "The run reached the limit of 3 steps."
    assert result["metadata"]["iterations"] == 4
    assert result["final_answer"]


def test_a_stream_goes_on_after_the_last_event_that_was_seen(server):
    url = f"{server.url}/api/agents/execute/stream"
    seen = []
    with requests.post(url, json={"goal": POWER}, stream=True, timeout=SECONDS) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        run_id = response.headers["X-Run-Id"]
        for line in response.iter_lines(decode_unicode=True):
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
            if len(seen) == 4:
                break
    events = f"{server.url}/api/agents/runs/{run_id}/events"
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen[-1]["seq"])}
    with requests.get(events, headers=headers, stream=True, timeout=SECONDS) as response:
        lines = list(response.iter_lines(decode_unicode=True))
    seen += [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert [entry["seq"] for entry in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["kind"] == "done"
    kinds = {entry["kind"] for entry in seen}
    assert kinds >= {"state", "model", "step", "step_text", "usage", "text", "done"}
    answer = "".join(entry["data"]["text"] for entry in seen if entry["kind"] == "text")
    assert answer == "1024"


def test_an_unknown_model(server):
    response = execute(server, goal="g", model="no-such-model")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "goal"),
        ({"goal": ""}, "goal"),
        ({"goal": 5 * ["x"]}, "goal"),
        ({"goal": "x" * 20_001}, "goal"),
        ({"goal": "g", "max_iterations": 0}, "max_iterations"),
        ({"goal": "g", "max_iterations": 101}, "max_iterations"),
        ({"goal": "g", "max_iterations": "many"}, "max_iterations"),
        ({"goal": "g", "verbose": "perhaps"}, "verbose"),
        ({"goal": "g", "context": "text"}, "context"),
        ({"goal": "g", "tools": "calculator"}, "tools"),
        ({"goal": "g", "max_seconds": -1}, "max_seconds"),
    ],
)
@pytest.mark.parametrize("route", ["execute", "execute/stream"])
def test_bad_input_names_its_field(server, route, body, field):
    response = requests.post(f"{server.url}/api/agents/{route}", json=body, timeout=30)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("invalid_request", field)


def test_the_example_scripts(server, tmp_path):
    said = io.StringIO()
    for name in ("test_api.py", "test_agents.py"):
        with contextlib.redirect_stdout(said):
            print(python(server, tmp_path, (ROOT / "examples" / name).read_text()))
    assert "Status: 200" in said.getvalue()
    assert "ReAct Agent: Agent that uses reasoning" in said.getvalue()
    assert "Answer: 256" in said.getvalue()
