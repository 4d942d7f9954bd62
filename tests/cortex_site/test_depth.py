"""JSON that is nested without end is refused in words, wherever it comes in."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from agents.loops.contract import Execute
from agents.loops.reply import reply_loop
from agents.models import Run
from agents.react.parser import StepUnreadable, step_parse
from chat.models import Conversation, Message
from inference.errors import ModelLoadFailed
from inference.library.files import json_object
from inference.library.folders import _check_safetensors
from inference.types import Delta, GenerationRequest, PromptMessage, ToolSpec, WrittenCall
from inference.worker.prompt import _arguments
from tests.common.test_jsons import nested
from tooling.base import ToolResult

DEPTHS = (101, 500, 5_000, 100_000)
WORDS = "nested deeper than 100 levels"

NO_RUN = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    ("/api/chat/completions", "messages"),
    ("/api/chat/completions/stream", "messages"),
    ("/ask", "question"),
    ("/api/agents/execute", "context"),
    ("/api/agents/execute/stream", "context"),
    ("/api/agents/plan", "goal"),
    (f"/api/agents/runs/{NO_RUN}/fork", "action_input"),
    (f"/api/agents/runs/{NO_RUN}/tool-calls/1", "arguments"),
    ("/api/tools/execute", "parameters"),
    ("/v1/chat/completions", "tools"),
    ("/v1/completions", "prompt"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("path", "member"), ROUTES)
def test_bodies(owner_client: Client, path: str, member: str, depth: int) -> None:
    body = f'{{"{member}": {nested(depth - 1, "object")}}}'
    response = owner_client.generic(
        "POST", path, body, content_type="application/json", HTTP_ACCEPT="application/json"
    )
    assert response.status_code == 400
    error = response.json()["error"]
    assert WORDS in error["message"]
    if depth == 500:
        assert (error.get("field") or error.get("param")) == member


@pytest.mark.django_db
def test_a_byte_order_mark_in_front_of_a_body_is_skipped(owner_client: Client) -> None:
    call = {"tool_name": "calculator", "parameters": {"expression": "6*7"}}
    body = codecs.BOM_UTF8 + json.dumps(call).encode()
    response = owner_client.generic(
        "POST", "/api/tools/execute", body, content_type="application/json"
    )
    assert response.json()["result"] == "42"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("depth", DEPTHS)
def test_what_pages_post(owner_client: Client, owner: Any, depth: int) -> None:
    run = Run.objects.create(owner=owner, kind="reply", state="waiting")
    chat = Conversation.objects.create(owner=owner)
    answer = Message.objects.create(conversation=chat, role="assistant", run=run)
    deep = nested(depth, "object")
    said = {"decision": "allow", "arguments": deep}
    for path in (f"/runs/{run.id}/tool-calls/1", f"/chat/messages/{answer.id}/calls/1/"):
        response = owner_client.post(path, said)
        assert response.status_code == 400
        assert WORDS in response.json()["error"]["message"]
    started = owner_client.post("/agents/", {"goal": "g", "context": deep})
    assert started.status_code == 422
    page = started.content.decode()
    assert WORDS in page or "at most" in page  # the field has a length, too
    file = SimpleUploadedFile("chat.json", deep.encode())
    imported = owner_client.post("/chat/import/", {"file": file})
    assert imported.status_code == 422
    assert "nested too deeply" in imported.content.decode()


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_models_call_tools_with(depth: int) -> None:
    """In a chat the call fails with words for the model, and no tool is run."""
    call = WrittenCall("1", "calculator", nested(depth, "object"))

    class Model:
        model = "m"
        turns = [[Delta(tool_calls=(call,), finish_reason="tool_calls")], [Delta(text="So.")]]

        def __call__(self, request: GenerationRequest) -> Any:
            return self

        def __iter__(self) -> Any:
            yield from self.turns.pop(0)

        def cancel(self) -> None: ...
        def close(self) -> None: ...

    def execute(**_: Any) -> ToolResult:
        raise AssertionError("no tool is run")

    tool = ToolSpec("calculator", "Computes.", {"type": "object", "properties": {}})
    request = GenerationRequest(messages=(PromptMessage("user", "?"),), tools=(tool,))
    run: Execute = execute
    events = list(reply_loop(request, Model(), run, policy=lambda name: "allow"))
    [result] = [event.data for event in events if event.kind == "tool_result"]
    assert WORDS in result["error"]


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_models_write_as_a_step(depth: int) -> None:
    tool = ToolSpec("python_repl", "Runs.", {"properties": {"code": {}}, "required": ["code"]})
    text = f"Thought: x\nAction: python_repl\nAction Input: {nested(depth, 'object')}"
    with pytest.raises(StepUnreadable):
        step_parse(text, (tool,))


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_was_called_before_goes_to_the_template_as_text(depth: int) -> None:
    assert _arguments(nested(depth)) == nested(depth)


@pytest.mark.parametrize("depth", DEPTHS)
def test_files_of_models(tmp_path: Path, depth: int) -> None:
    text = nested(depth, "object")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelLoadFailed, match=WORDS):
        json_object(tmp_path / "config.json", 10**7)
    header = len(text).to_bytes(8, "little") + text.encode()
    (tmp_path / "model.safetensors").write_bytes(header)
    with pytest.raises(ModelLoadFailed, match=WORDS):
        _check_safetensors(tmp_path / "model.safetensors")
