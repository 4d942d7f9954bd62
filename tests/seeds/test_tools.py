"""The tool examples of the documentation, as they are written there, against a running server."""

from __future__ import annotations

import json
import subprocess

import pytest
import requests

from tests.tooling.packages import TOOL, install
from tests.tooling.search_engine import STANDIN, SearchEngine

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def url(cortex_server):
    return cortex_server.url


def curl(url, method, path, body=None):
    """The documentation's curl, with its port replaced."""
    command = ["curl", "-s", "-X", method, f"{url}{path}"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", body]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    return json.loads(done.stdout)


def test_calculator(url):
    answer = curl(
        url,
        "POST",
        "/api/tools/execute",
        """{
    "tool_name": "calculator",
    "parameters": {"expression": "2**10 + sqrt(144)"}
  }""",
    )
    assert answer == {"success": True, "result": "1036", "error": None}


def test_calculator_of_the_execute_section(url):
    answer = curl(
        url,
        "POST",
        "/api/tools/execute",
        """{
  "tool_name": "calculator",
  "parameters": {
    "expression": "sqrt(16) * 5"
  }
}""",
    )
    assert answer == {"success": True, "result": "20", "error": None}


def test_calculator_from_python(url):
    response = requests.post(
        f"{url}/api/tools/execute",
        json={"tool_name": "calculator", "parameters": {"expression": "2**16"}},
    )
    result = response.json()
    assert f"Result: {result['result']}" == "Result: 65536"


def test_python_repl(url):
    answer = curl(
        url,
        "POST",
        "/api/tools/execute",
        r"""{
    "tool_name": "python_repl",
    "parameters": {
      "code": "import math\nprint([x**2 for x in range(1, 6)])\nprint(f\"Pi = {math.pi:.2f}\")"
    }
  }""",
    )
    assert answer["success"] is True
    assert answer["result"] == "[1, 4, 9, 16, 25]\nPi = 3.14\n"


def test_python_repl_from_python(url):
    response = requests.post(
        f"{url}/api/tools/execute",
        json={
            "tool_name": "python_repl",
            "parameters": {
                "code": """
import math
fibonacci = [0, 1]
for i in range(8):
    fibonacci.append(fibonacci[-1] + fibonacci[-2])
print(f"Fibonacci sequence: {fibonacci}")
"""
            },
        },
    )
    sequence = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    assert response.json()["result"] == f"Fibonacci sequence: {sequence}\n"


@pytest.mark.parametrize(
    "parameters",
    [
        {
            "request": "Create a function to calculate the factorial of a number",
            "language": "python",
        },
        {"request": "Write a binary search algorithm", "language": "python"},
        {
            "request": "Create a function to check if a string is a palindrome",
            "language": "python",
        },
    ],
    ids=["factorial", "binary search", "palindrome"],
)
@pytest.mark.model
def test_code_generator(url, parameters):
    """The embedded model is too small for its code to be judged: the shape is what can be told."""
    response = requests.post(
        f"{url}/api/tools/execute",
        json={"tool_name": "code_generator", "parameters": parameters},
        timeout=290,
    )
    answer = response.json()
    assert response.status_code == 200
    assert answer.keys() == {"success", "result", "error"}
    if answer["success"]:
        compile(answer["result"], "generated", "exec")
        assert answer["error"] is None
    else:
        assert "not valid" in answer["error"] or "stopped" in answer["error"]


def test_list_of_tools(url):
    tools = {tool["name"]: tool for tool in curl(url, "GET", "/api/tools")["tools"]}
    assert tools.keys() >= {"calculator", "web_search", "python_repl", "code_generator"}
    for tool in tools.values():
        assert tool.keys() == {"name", "description", "parameters", "enabled"}
    expression = tools["calculator"]["parameters"]["expression"]
    assert (expression["name"], expression["type"]) == ("expression", "string")
    assert expression["required"] is True
    assert tools["calculator"]["enabled"] is True


def test_enable_and_disable(url):
    call = '{"tool_name": "calculator", "parameters": {"expression": "1+1"}}'
    try:
        curl(url, "POST", "/api/tools/calculator/disable")
        answer = curl(url, "POST", "/api/tools/execute", call)
        assert answer["success"] is False
        assert answer["error"]["code"] == "tool_disabled"
    finally:
        curl(url, "POST", "/api/tools/calculator/enable")
    assert curl(url, "POST", "/api/tools/execute", call)["result"] == "2"


def test_openai_definitions(url):
    tools = curl(url, "GET", "/api/tools/definitions/openai")["tools"]
    calculator = next(t for t in tools if t["function"]["name"] == "calculator")
    assert calculator["type"] == "function"
    assert calculator["function"]["parameters"]["type"] == "object"
    assert calculator["function"]["parameters"]["required"] == ["expression"]


@pytest.fixture
def searching_server(server_factory, tmp_path):
    """A server whose ddgs knows a search engine on loopback, through an installed package."""
    engine = SearchEngine()
    modules = {"standin_engine": STANDIN + "\nfrom standin_tool import ShoutTool as Tool\n"}
    site = install(
        tmp_path, "standin", {"engine": "standin_engine:Tool"}, modules | {"standin_tool": TOOL}
    )
    env = {
        "PYTHONPATH": str(site),
        "STANDIN_URL": engine.url,
        "WEB_SEARCH_BACKENDS": "standin",
    }
    yield server_factory.start(env=env)
    engine.close()


def test_web_search(searching_server):
    url = searching_server.url
    answer = curl(
        url,
        "POST",
        "/api/tools/execute",
        """{
    "tool_name": "web_search",
    "parameters": {
      "query": "Python programming tutorial",
      "num_results": 3
    }
  }""",
    )
    assert answer["success"] is True
    assert len(answer["result"]) == 3
    for row in answer["result"]:
        assert row.keys() == {"title", "url", "snippet"}
        assert all(row.values())

    response = requests.post(
        f"{url}/api/tools/execute",
        json={
            "tool_name": "web_search",
            "parameters": {"query": "MLX framework Apple", "num_results": 5},
        },
    )
    search_results = response.json()["result"]
    lines = [f"{item['title']}: {item['url']}" for item in search_results]
    assert sorted(lines)[0] == "Result 1: https://example.org/1"
    assert len(lines) == 5


def test_web_search_without_a_network(server_factory, tmp_path):
    """The real search engines, behind a proxy that is not there."""
    server = server_factory.start(env={"DDGS_PROXY": "http://127.0.0.1:9"})
    body = '{"tool_name": "web_search", "parameters": {"query": "Python programming tutorial"}}'
    answer = curl(server.url, "POST", "/api/tools/execute", body)
    assert (answer["success"], answer["result"]) == (False, None)
    assert answer["error"].startswith("Offline: ")
