"""The grammar of a step: what it takes, what it refuses, and that programs in it are closed."""

import json

import pytest
from llguidance import LLMatcher, LLTokenizer

from agents.react.grammar import step_constraint
from agents.react.parser import FINISH_SPEC
from inference.types import ToolSpec

PYTHON = {"type": "string", "minLength": 1, "contentMediaType": "text/x-python"}
TEXT = {"type": "string"}


def spec(name, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return ToolSpec(name, name, schema)


TOOLS = (
    spec("python_repl", code=PYTHON),
    spec("web_search", query=TEXT, num_results={"type": "integer", "maximum": 20}),
)


def is_taken(text, tools=TOOLS):
    matcher = LLMatcher(LLTokenizer("byte"), step_constraint((*tools, FINISH_SPEC), 1000).value)
    assert not matcher.is_error(), matcher.get_error()
    data = list(text.encode())
    return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()


def step(action, thought="t", **action_input):
    text = json.dumps(action_input, ensure_ascii=False)
    return f"Thought: {thought}\nAction: {action}\nAction Input: {text}"


@pytest.mark.parametrize(
    "text",
    [
        step("python_repl", code="print(1)"),
        step("web_search", query="x"),
        step("web_search", query='日本 "q" \\', num_results=3),
        step("finish", answer=""),
    ],
)
def test_steps_are_taken(text):
    assert is_taken(text)


@pytest.mark.parametrize(
    "text",
    [
        step("calculator", expression="1"),
        step("web_search", num_results=3),
        step("web_search", query="x", num_results=21),
        step("web_search", query="x", more=1),
        step("finish", answer=1),
        step("python_repl", code=""),
        step("finish", answer="x") + "\nObservation: y",
        step("finish", answer="x").replace("{", "{  "),
        step("finish", thought="x" * 301, answer="x"),
        "Action: finish",
    ],
)
def test_anything_else_is_refused(text):
    assert not is_taken(text)


def test_a_thought_ends_in_time_for_the_call():
    tokenizer = LLTokenizer("byte")
    matcher = LLMatcher(tokenizer, step_constraint(TOOLS, 40).value)
    assert matcher.consume_tokens(list(b"Thought: "))
    assert matcher.consume_tokens(list(b"x" * 20))
    assert bytes(matcher.compute_ff_tokens()) == b"\nAction: "


@pytest.mark.parametrize(
    "code",
    [
        "print('a\\nb')",
        'print("it\'s")',
        "x = {'a': [1, 2]}\nprint(x)  # don't \"stop\" (here\ny = 1",
        'def f():\n\t"""Doc \'it\' "q"\n more"""\n    return 1\n',
        "'''a\nb'''\nprint(1)",
        "a = 1 + \\\n  2  # é 日本",
        "print('\\\\', r'\\d+', '\\'', \"\\\"\")",
        "print(f\"{x['a']}\" + '' + \"\")",
        "#",
    ],
)
def test_python_programs_are_taken(code):
    assert is_taken(step("python_repl", code=code))


@pytest.mark.parametrize(
    "code",
    ["print(f", "print('a", "x]", 'print(f"', "(]", "'''a''", '"""a\nb"', "'a\nb'", "{'a': (1}"],
)
def test_programs_that_do_not_close_are_refused(code):
    assert not is_taken(step("python_repl", code=code))


def test_a_program_among_other_parameters_is_any_text():
    tool = spec("run", code=PYTHON, seconds={"type": "integer"})
    assert is_taken(step("run", code="print(", seconds=1), (tool,))
