"""Clients that people already have: the `llm` command-line tool and LangChain, pointed at /v1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr

from tests.server import CortexServer

pytestmark = [pytest.mark.live, pytest.mark.model]

QUESTION = "What is the capital of France?"
LLM = Path(sys.executable).with_name("llm")


@pytest.fixture(scope="module")
def model(cortex_server: CortexServer) -> str:
    body = requests.get(f"{cortex_server.url}/v1/models", timeout=60).json()
    return str(body["data"][0]["id"])


# --- llm -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llm(
    cortex_server: CortexServer, model: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Runs `llm` with the arguments, gives what it printed."""
    home = tmp_path_factory.mktemp("llm")
    (home / "extra-openai-models.yaml").write_text(
        f"- model_id: cortex\n  model_name: {model}\n  api_base: {cortex_server.url}/v1\n"
        "  supports_schema: true\n  supports_tools: true\n"
    )
    # Without plugins: the wheel of the embedded model is one, and wants a library of its own.
    env = {**os.environ, "LLM_USER_PATH": str(home), "LLM_LOAD_PLUGINS": ""}

    def run(*arguments: str) -> str:
        command = [str(LLM), "-m", "cortex", "-o", "temperature", "0", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_llm_answers_and_continues(llm: Callable[..., str]) -> None:
    assert "Paris" in llm(QUESTION, "-o", "max_tokens", "20")
    assert "Rome" in llm("And of Italy?", "--continue", "--no-stream", "-o", "max_tokens", "20")


def test_llm_gets_what_its_schema_says(llm: Callable[..., str]) -> None:
    answer = json.loads(llm("Invent a dog.", "--schema", "name, age int", "-o", "max_tokens", "60"))
    assert set(answer) <= {"name", "age"}
    assert isinstance(answer["age"], int)


def test_llm_offers_tools(llm: Callable[..., str]) -> None:
    functions = 'def add(a: int, b: int) -> int:\n    "Adds two numbers."\n    return a + b'
    answer = llm("What is 3 plus 4?", "--functions", functions, "-o", "max_tokens", "40")
    assert answer.strip()


# --- LangChain -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chat(cortex_server: CortexServer, model: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{cortex_server.url}/v1",
        api_key=SecretStr("any"),
        model=model,
        temperature=0,
        max_completion_tokens=60,
        timeout=240,
        max_retries=0,
    )


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


class Town(BaseModel):
    name: str = Field(max_length=20)
    capital: bool


def test_langchain_invokes_and_streams(chat: ChatOpenAI) -> None:
    answer = chat.invoke(QUESTION)
    assert "Paris" in str(answer.content)
    assert isinstance(answer, AIMessage)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0
    chunks = list(chat.stream(QUESTION, stream_usage=True))
    assert len(chunks) > 3
    assert "".join(str(chunk.content) for chunk in chunks) == answer.content
    assert any(chunk.usage_metadata for chunk in chunks)


@pytest.mark.parametrize("choice", ["add", "any"])
def test_langchain_binds_tools(chat: ChatOpenAI, choice: str) -> None:
    bound = chat.bind_tools([add], tool_choice=choice, parallel_tool_calls=False)
    answer = bound.invoke("What is 3 plus 4?")
    assert isinstance(answer, AIMessage)
    [call] = answer.tool_calls
    assert call["name"] == "add"
    assert isinstance(add.invoke(call["args"]), int)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_langchain_gets_an_object(chat: ChatOpenAI, method: str) -> None:
    structured = chat.with_structured_output(Town, method=method)  # type: ignore[arg-type]
    assert isinstance(structured.invoke("Tell me about Paris."), Town)
