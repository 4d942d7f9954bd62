"""Every chat, model, health and documentation example of the backend's founding document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from tests.seeds.conftest import LLAMA
from tests.seeds.examples import python, shell
from tests.server import CortexServer

pytestmark = [pytest.mark.live, pytest.mark.model]

HEALTH = "curl http://localhost:8000/api/health"

MODELS = "curl http://localhost:8000/api/models | python3 -m json.tool"

COMPLETION = """\
curl -X POST http://localhost:8000/api/chat/completions \\
  -H "Content-Type: application/json" \\
  -d '{
    "messages": [{"role": "user", "content": "Hello!"}],
    "max_tokens": 100,
    "temperature": 0.7
  }'
"""

SCRIPT = """\
# Create test script
cat > test_api.py << 'EOF'
import requests
import json

response = requests.post(
    "http://localhost:8000/api/chat/completions",
    json={
        "messages": [{"role": "user", "content": "Hello! Say hi back."}],
        "max_tokens": 50,
        "temperature": 0.7
    }
)

print(f"Status: {response.status_code}")
print(json.dumps(response.json(), indent=2))
EOF

# Run test
python test_api.py
"""

BASIC = """\
import requests

response = requests.post(
    "http://localhost:8000/api/chat/completions",
    json={
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What is MLX?"}
        ],
        "temperature": 0.7,
        "max_tokens": 500
    }
)

print(response.json()["message"]["content"])
"""

STREAM = """\
import requests

response = requests.post(
    "http://localhost:8000/api/chat/completions/stream",
    json={
        "messages": [{"role": "user", "content": "Count to 10"}],
        "temperature": 0.7
    },
    stream=True
)

for line in response.iter_lines():
    if line:
        print(line.decode('utf-8'))
"""

SOCKET = """\
import asyncio
import websockets
import json

async def chat():
    uri = "ws://localhost:8000/api/chat/ws"
    async with websockets.connect(uri) as websocket:
        # Send chat message
        await websocket.send(json.dumps({
            "type": "chat",
            "messages": [{"role": "user", "content": "Hello!"}],
            "temperature": 0.7
        }))

        # Receive responses
        while True:
            response = await websocket.recv()
            data = json.loads(response)
            if data["type"] == "done":
                break
            print(data)

asyncio.run(chat())
"""

UNLOAD = """\
curl -X POST http://localhost:8000/api/models/mlx-community__Llama-3.2-3B-Instruct-4bit/unload
"""


def state(server: CortexServer) -> str:
    """What the default model is doing."""
    models = requests.get(f"{server.url}/api/models", timeout=60).json()["models"]
    return next(model["state"] for model in models if model["id"] == LLAMA)


def test_health_check(seed_server: CortexServer, tmp_path: Path) -> None:
    answer = json.loads(shell(seed_server, tmp_path, HEALTH))
    assert answer["status"] in ("ok", "healthy")


def test_list_available_models(seed_server: CortexServer, tmp_path: Path) -> None:
    assert LLAMA in shell(seed_server, tmp_path, MODELS)


def test_chat_completion(seed_server: CortexServer, tmp_path: Path) -> None:
    answer = json.loads(shell(seed_server, tmp_path, COMPLETION))
    assert answer["message"]["role"] == "assistant"
    assert answer["message"]["content"].strip()
    assert answer["model"] == LLAMA
    assert answer["usage"]["completion_tokens"] <= 100


def test_the_test_script(seed_server: CortexServer, tmp_path: Path) -> None:
    output = shell(seed_server, tmp_path, SCRIPT)
    first, _, body = output.partition("\n")
    assert first == "Status: 200"
    assert json.loads(body)["message"]["content"].strip()


def test_basic_chat_completion(seed_server: CortexServer, tmp_path: Path) -> None:
    assert python(seed_server, tmp_path, BASIC).strip()


def test_streaming_chat_completion(seed_server: CortexServer, tmp_path: Path) -> None:
    lines = python(seed_server, tmp_path, STREAM).splitlines()
    frames = [json.loads(line.removeprefix("data: ")) for line in lines if line[0] != ":"]
    assert frames[0]["type"] == "start"
    assert frames[-1]["type"] == "done"
    assert all(frame["type"] == "token" for frame in frames[1:-1])
    assert len(frames) > 3


def test_websocket_chat(seed_server: CortexServer, tmp_path: Path) -> None:
    output = python(seed_server, tmp_path, SOCKET)
    assert "'type': 'start'" in output
    assert "'type': 'token'" in output
    assert "'error'" not in output


def test_unload_a_model_and_load_it_again(seed_server: CortexServer, tmp_path: Path) -> None:
    load = UNLOAD.replace("/unload", "/load")
    json.loads(shell(seed_server, tmp_path, load))
    assert state(seed_server) == "loaded"
    json.loads(shell(seed_server, tmp_path, UNLOAD))
    assert state(seed_server) == "unloaded"
    json.loads(shell(seed_server, tmp_path, load.replace("__", "/")))
    assert state(seed_server) == "loaded"


def test_root_is_api_information(seed_server: CortexServer) -> None:
    answer = requests.get(f"{seed_server.url}/", timeout=60)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["endpoints"]["chat"] == "/api/chat/completions"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_documentation(seed_server: CortexServer, path: str) -> None:
    answer = requests.get(f"{seed_server.url}{path}", timeout=60)
    assert answer.status_code == 200
    kind = "application/json" if path.endswith("json") else "text/html"
    assert answer.headers["content-type"].startswith(kind)
