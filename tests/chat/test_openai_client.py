"""The official `openai` client against a live server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from pydantic import BaseModel

from tests.server import CortexServer

pytestmark = [pytest.mark.live, pytest.mark.model]

QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a town.",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "enum": ["Paris", "Oslo"]}},
            "required": ["town"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def client(cortex_server: CortexServer) -> Iterator[openai.OpenAI]:
    url = f"{cortex_server.url}/v1"
    with openai.OpenAI(base_url=url, api_key="any", timeout=200, max_retries=0) as client:
        yield client


@pytest.fixture
def model(client: openai.OpenAI) -> str:
    return client.models.list().data[0].id


def test_models(client: openai.OpenAI, model: str) -> None:
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nobody/nothing")  # the client sends %2F
    assert missing.value.code == "model_not_found"


def test_a_slash_in_an_id_may_be_written_either_way(cortex_server: CortexServer) -> None:
    for slash in ("/", "%2F"):
        url = f"{cortex_server.url}/v1/models/mlx-community{slash}Llama-3.2-3B-Instruct-4bit"
        body = requests.get(url, timeout=60).json()
        assert (body["id"], body["owned_by"]) == (
            "mlx-community/Llama-3.2-3B-Instruct-4bit",
            "mlx-community",
        )


def test_chat(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, temperature=0, max_tokens=20
    )
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == model
    assert answer.usage is not None
    assert answer.usage.total_tokens > answer.usage.prompt_tokens > 0
    again = client.chat.completions.create(
        model=model, messages=QUESTION, temperature=0, max_completion_tokens=2
    )
    assert again.choices[0].finish_reason == "length"
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert (again.usage.prompt_tokens_details.cached_tokens or 0) > 0


def test_stream(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model,
        messages=QUESTION,
        temperature=0,
        max_tokens=20,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_seed_n_and_stop(client: openai.OpenAI, model: str) -> None:
    def ask() -> list[str | None]:
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Name three colours."}],
            temperature=1.5,
            seed=-5,
            n=2,
            max_tokens=12,
            stop=["\n"],
        )
        return [choice.message.content for choice in answer.choices]

    first = ask()
    assert first == ask()
    assert len(first) == 2
    assert not any("\n" in (text or "") for text in first)


def test_logprobs(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=QUESTION,
        temperature=0,
        max_tokens=3,
        logprobs=True,
        top_logprobs=3,
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 3
    for token in logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.logprob == pytest.approx(token.top_logprobs[0].logprob, abs=1e-3)
    assert "".join(token.token for token in logprobs.content) == answer.choices[0].message.content


def test_completions(client: openai.OpenAI, model: str) -> None:
    answer = client.completions.create(
        model=model, prompt="The capital of France is", temperature=0, max_tokens=4, echo=True
    )
    assert answer.choices[0].text.startswith("The capital of France is")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    stream = client.completions.create(
        model=model, prompt="One, two,", temperature=0, max_tokens=3, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_forced_tool_call_fits_its_schema(client: openai.OpenAI, model: str, choice: Any) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        tools=[WEATHER],
        tool_choice=choice,
        parallel_tool_calls=False,
        max_tokens=60,
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["town"] in ("Paris", "Oslo")


class Town(BaseModel):
    name: str
    capital: bool


def test_parse_gives_a_pydantic_object(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model, messages=QUESTION, response_format=Town, temperature=0, max_tokens=60
    )
    assert isinstance(answer.choices[0].message.parsed, Town)


def test_a_guided_choice(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=QUESTION,
        temperature=1.5,
        max_tokens=10,
        extra_body={"guided_grammar": {"choice": ["Paris", "Rome"]}},
    )
    assert answer.choices[0].message.content in ("Paris", "Rome")


def test_errors(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=model, messages=QUESTION, temperature=9)
    assert (wrong.value.param, wrong.value.type) == ("temperature", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "word " * 20_000}]
        )
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody/nothing", messages=QUESTION)
