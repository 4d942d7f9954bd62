"""The local model document: a server run on a model's folder, and POST /ask."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from tests.seeds.examples import python
from tests.server import ServerFactory

pytestmark = [pytest.mark.live, pytest.mark.model, pytest.mark.timeout(600)]

USAGE = """\
import requests

response = requests.post(
    "http://localhost:5015/ask",
    json={
        "question": "What is machine learning?",
        "max_tokens": 1000
    }
)

print(response.json()["answer"])
"""


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_ask_a_server_that_was_started_on_a_models_folder(
    server_factory: ServerFactory, model_folder: Path, tmp_path: Path
) -> None:
    port = free_port()
    server = server_factory.start(args=["--model", str(model_folder), "--port", port])
    assert server.port == port
    assert python(server, tmp_path, USAGE).strip()
    url = f"{server.url}/ask"
    answer = requests.post(url, json={"question": "Hello!", "max_tokens": 5}, timeout=60)
    assert list(answer.json()) == ["answer"]
    wrong = requests.post(url, json={"question": ["Hello!"]}, timeout=60)
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "question")
