"""What the structure of answers promises, at a temperature that makes a small model babble.

CORTEX_TEST_SCHEMAS and CORTEX_TEST_CALLS say how many schemas and calls are tried; the defaults are
a sample for every day.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.inference.grammar.call_fixtures import FLAT, NESTED, PATTERN
from tests.inference.grammar.random_schemas import SchemaMaker
from tests.server import CortexServer

pytestmark = [pytest.mark.live, pytest.mark.model, pytest.mark.timeout(7200)]

SCHEMAS = int(os.environ.get("CORTEX_TEST_SCHEMAS", "16"))
CALLS = int(os.environ.get("CORTEX_TEST_CALLS", "12"))
AT_ONCE = 8
HOT = 1.5
TOOLS = {tool.name: tool for tool in (*FLAT, NESTED, PATTERN)}
WISHES = ("Search the web for cats.", "Convert 3 kg.", "What time is it?", "Plan a trip to Oslo.")
SCHEMA_FIELD = "response_format.json_schema.schema"


@pytest.fixture
def client(cortex_server: CortexServer) -> Iterator[openai.OpenAI]:
    url = f"{cortex_server.url}/v1"
    with openai.OpenAI(base_url=url, api_key="any", timeout=600, max_retries=0) as client:
        yield client


def test_answers_to_random_schemas_validate(client: openai.OpenAI) -> None:
    """A schema is refused by the path of what is at fault, or its complete answers fit it."""
    model = client.models.list().data[0].id

    def ask(seed: int) -> str:
        schema = SchemaMaker(random.Random(seed)).make()
        jsonschema.Draft202012Validator.check_schema(schema)
        try:
            answer = client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "Give me an example."}],
                temperature=HOT,
                seed=seed,
                max_tokens=64,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "example", "schema": schema, "strict": True},
                },
            )
        except openai.BadRequestError as error:
            return "refused" if str(error.param).startswith(SCHEMA_FIELD) else f"400: {error}"
        choice = answer.choices[0]
        if choice.finish_reason == "length":
            return "cut"
        assert choice.finish_reason == "stop"
        value = json.loads(choice.message.content or "")
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
        return "complete"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = Counter(pool.map(ask, range(SCHEMAS)))
    print("schemas:", dict(ends))
    assert set(ends) <= {"complete", "cut", "refused"}
    assert ends["complete"] > SCHEMAS / 4


def test_required_calls_are_valid_beside_free_chat(client: openai.OpenAI) -> None:
    model = client.models.list().data[0].id

    def call(seed: int) -> str:
        chosen = random.Random(seed).sample(sorted(TOOLS), 3)
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": WISHES[seed % len(WISHES)]}],
            tools=[_tool(name) for name in chosen],
            tool_choice="required",
            parallel_tool_calls=seed % 3 == 0,
            temperature=HOT,
            seed=seed,
            max_tokens=96,
        )
        return _judge(answer, chosen, several=seed % 3 == 0)

    def chat(seed: int) -> str:
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Tell me about the sea."}],
            temperature=HOT,
            seed=seed,
            max_tokens=32,
        )
        assert answer.choices[0].message.content
        assert not answer.choices[0].message.tool_calls
        return "chat"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(chat if seed % 4 == 3 else call, seed) for seed in range(CALLS * 4 // 3)
        ]
        ends = Counter(job.result() for job in jobs)
    print("calls:", dict(ends))
    assert ends["called"] > CALLS / 4


def _tool(name: str) -> Any:
    tool = TOOLS[name]
    function = {"name": name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _judge(answer: ChatCompletion, offered: list[str], *, several: bool) -> str:
    """How an answer ended; AssertionError or ValidationError when it breaks a promise."""
    choice = answer.choices[0]
    if choice.finish_reason == "length":
        assert choice.message.content, "a call that was cut is given as the text that it is"
        assert not choice.message.tool_calls
        return "cut"
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    assert calls
    assert several or len(calls) == 1
    for each in calls:
        assert each.type == "function"
        assert each.function.name in offered
        arguments = json.loads(each.function.arguments)
        jsonschema.validate(arguments, TOOLS[each.function.name].parameters)
    return "called"
