"""Code from a model: taken out of its fence, checked, repaired once."""

from __future__ import annotations

import threading

import pytest

from inference.errors import ContextOverflow
from tooling import services
from tooling.builtin.code_generator import code_extract

GOOD = "def double(x: int) -> int:\n    return x * 2"
BAD = "def double(x: int) -> int\n    return x * 2"


def fenced(code, language="python"):
    return f"Here it is:\n\n```{language}\n{code}\n```\n\nHave fun!"


def generate(owner, **options):
    arguments = {"request": "Double a number"} | options.pop("arguments", {})
    return services.tool_execute(
        name="code_generator", arguments=arguments, caller=owner, **options
    )


def test_code_comes_out_of_its_fence(owner, scripted):
    scripted.reply(fenced(GOOD))
    result = generate(owner)
    assert (result.success, result.result, result.error) == (True, GOOD, None)


def test_the_model_is_asked_for_the_language_at_a_low_temperature(owner, scripted):
    scripted.reply(fenced("package main", "go"))
    assert generate(owner, arguments={"language": "Go"}).result == "package main"
    (request,) = scripted.requests
    assert request.sampling.temperature == 0.3
    assert "Go" in request.messages[0].content
    assert request.messages[-1].content == "Double a number"


def test_python_that_does_not_parse_is_repaired_once(owner, scripted):
    scripted.reply(fenced(BAD))
    scripted.reply(fenced(GOOD))
    assert generate(owner).result == GOOD
    repair = scripted.requests[1].messages
    assert [message.role for message in repair] == ["system", "user", "assistant", "user"]
    assert "line 1" in repair[-1].content


def test_python_that_stays_broken_is_a_failure_with_the_code(owner, scripted):
    scripted.reply(fenced(BAD))
    scripted.reply(fenced(BAD + "!"))
    result = generate(owner)
    assert (result.success, result.result) == (False, BAD)
    assert "not valid: line 1" in result.error
    assert len(scripted.requests) == 2


def test_other_languages_are_not_parsed(owner, scripted):
    scripted.reply(fenced("fn main() {", "rust"))
    assert generate(owner, arguments={"language": "rust"}).result == "fn main() {"


def test_code_that_ran_out_of_tokens_is_a_failure_without_a_second_try(owner, scripted):
    scripted.reply("```python\nx = 1\n", finish_reason="length")
    result = generate(owner)
    assert (result.success, result.result) == (False, "x = 1")
    assert "cut off" in result.error
    assert len(scripted.requests) == 1


def test_talk_that_runs_out_of_tokens_after_the_code_does_no_harm(owner, scripted):
    scripted.reply(fenced(GOOD) + " And another thing", finish_reason="length")
    assert generate(owner).result == GOOD


def test_an_answer_without_code_is_a_failure(owner, scripted):
    scripted.reply("```python\n```")
    scripted.reply("")
    result = generate(owner)
    assert not result.success
    assert "no code" in result.error


def test_errors_of_the_model_are_results(owner, scripted):
    scripted.reply("", error=ContextOverflow("Too long.", prompt_tokens=9, context_length=8))
    result = generate(owner)
    assert not result.success
    assert "Too long." in result.error


def test_a_cancelled_call_frees_the_model(owner, scripted):
    reply = scripted.reply("never", gate=threading.Event())
    result = generate(owner, cancelled=reply.started.is_set)
    assert "cancelled" in result.error
    assert scripted.cancelled


@pytest.mark.parametrize(
    ("text", "code", "whole"),
    [
        ("```python\nx = 1\n```", "x = 1", True),
        ("```\nx = 1\n```", "x = 1", True),
        ("~~~js\nlet x\n~~~", "let x", True),
        ("a\n```py\nx\n```\nb\n```py\nlonger\n```", "longer", True),
        ("````md\n```\ninner\n```\n````", "```\ninner\n```", True),
        ('```py\ndef f():\n    """\n    ```\n    f()\n    ```\n    """\n```', None, True),
        ("```python\n    x = 1\n```", "    x = 1", True),
        ("```python\nx = 1", "x = 1", False),
        ("x = 1", "x = 1", False),
        ("", "", False),
    ],
)
def test_extraction(text, code, whole):
    if code is None:
        code = text.removeprefix("```py\n").removesuffix("\n```")
    assert code_extract(text) == (code, whole)
