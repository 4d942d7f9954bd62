"""The official `openai` client against a live server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_n_and_stop(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Name three colours."}],
        temperature=1.5,
        n=2,
        max_tokens=12,
        stop=["\n"],
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert not any("\n" in (choice.message.content or "") for choice in answer.choices)


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
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=model, prompt="One,", suffix="three")
    assert refused.value.param == "suffix"


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


def test_calls_may_be_offered_several_or_forbidden(client: openai.OpenAI, model: str) -> None:
    def ask(**choice: Any) -> Any:
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "What is the weather in Paris and in Oslo?"}],
            tools=[WEATHER],
            temperature=0,
            max_tokens=90,
            **choice,
        )
        return answer.choices[0]

    several = ask(tool_choice="required", parallel_tool_calls=True)
    for call in several.message.tool_calls or []:
        assert json.loads(call.function.arguments)["town"] in ("Paris", "Oslo")
    assert several.message.tool_calls or several.finish_reason == "length"
    free = ask(tool_choice="auto")
    assert free.message.content or free.message.tool_calls
    for call in free.message.tool_calls or []:
        assert call.function.name == "get_weather"
    forbidden = ask(tool_choice="none")
    assert forbidden.message.content
    assert not forbidden.message.tool_calls


def test_a_streamed_call_comes_whole(client: openai.OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=60,
    ) as stream:
        answer = stream.get_final_completion()
    assert answer.choices[0].finish_reason == "tool_calls"
    [call] = answer.choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments)["town"] in ("Paris", "Oslo")


def test_a_call_that_is_cut_is_given_as_text(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, tools=[WEATHER], tool_choice="required", max_tokens=4
    )
    assert answer.choices[0].finish_reason == "length"
    assert (answer.choices[0].message.content or "").startswith('{"name')
    assert not answer.choices[0].message.tool_calls


def test_a_seed_gives_the_same_text_and_another_seed_another_one(
    client: openai.OpenAI, model: str
) -> None:
    """(Beside other requests too on MLX: tests/inference/mlx_worker/test_batch.py.)"""

    def ask(seed: int) -> str | None:
        answer = client.chat.completions.create(
            model=model, messages=QUESTION, temperature=1.5, seed=seed, max_tokens=12
        )
        return answer.choices[0].message.content

    first, again = ask(11), ask(11)
    assert again == first
    with ThreadPoolExecutor(4) as pool:
        others = list(pool.map(ask, (12, 13, 14)))
    assert len({first, *others}) > 1


class Town(BaseModel):
    name: str
    capital: bool


def test_parse_gives_a_pydantic_object(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model, messages=QUESTION, response_format=Town, temperature=0, max_tokens=60
    )
    assert isinstance(answer.choices[0].message.parsed, Town)


@pytest.mark.parametrize(
    ("grammar", "pattern"),
    [
        ({"choice": ["Paris", "Rome"]}, "Paris|Rome"),
        ({"regex": r"[A-Z]{3}-\d{2}"}, r"[A-Z]{3}-\d{2}"),
        ('start: NAME "!"\nNAME: /[a-z]{2,5}/', "[a-z]{2,5}!"),
    ],
)
def test_a_guided_answer(client: openai.OpenAI, model: str, grammar: Any, pattern: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=QUESTION,
        temperature=1.5,
        max_tokens=20,
        extra_body={"guided_grammar": grammar},
    )
    assert re.fullmatch(pattern, answer.choices[0].message.content or "")


def test_what_cannot_be_guaranteed_is_refused_by_its_path(
    client: openai.OpenAI, model: str
) -> None:
    odd: Any = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": odd}}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "odd", "schema": odd}}
    for fields, param in (
        ({"response_format": wanted}, "response_format.json_schema.schema"),
        (
            {"tools": [WEATHER, tool], "tool_choice": "required"},
            "tools[1].function.parameters",
        ),
        ({"extra_body": {"guided_grammar": "start: ("}}, "guided_grammar"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model=model, messages=QUESTION, **fields)
        path = "" if param == "guided_grammar" else ".properties.a.uniqueItems"
        assert refused.value.param == param + path
        assert "uniqueItems" in refused.value.message or not path
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "hi"}],
        tools=[WEATHER, tool],
        max_tokens=4,
    )
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_likelihoods_of_a_prompt(client: openai.OpenAI, model: str) -> None:
    """As harnesses for benchmarks ask for them."""
    text = "The capital of France is Paris"
    answer = client.completions.create(
        model=model, prompt=text, max_tokens=0, echo=True, logprobs=1, temperature=0
    )
    told = answer.choices[0].logprobs
    assert answer.choices[0].text == text
    assert told is not None
    assert "".join(told.tokens or ()) == text
    assert told.token_logprobs[0] is None  # type: ignore[index]
    assert all(value < 0 for value in (told.token_logprobs or ())[1:])  # type: ignore[operator]


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
