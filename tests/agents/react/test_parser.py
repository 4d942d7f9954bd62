"""Free text is read as a step wherever it has one possible meaning."""

import pytest

from agents.react.parser import FINISH, StepUnreadable, step_close, step_parse
from inference.types import ToolSpec


def spec(name, *required, **optional):
    properties = {key: {"type": "string"} for key in (*required, *optional)}
    return ToolSpec(
        name, name, {"type": "object", "properties": properties, "required": list(required)}
    )


TOOLS = (
    spec("calculator", "expression"),
    spec("python_repl", "code"),
    spec("web_search", "query", num_results=3),
    spec("code_generator", "request", language="python"),
)

WRITTEN = {
    "as asked": 'Thought: add\nAction: calculator\nAction Input: {"expression": "2+2"}',
    "code fence": 'Thought: add\nAction: calculator\nAction Input:\n```json\n{"expression": "2+2"}\n```',
    "fence around all": '```\nThought: add\nAction: calculator\nAction Input: {"expression": "2+2"}\n```',
    "single quotes": "Thought: add\nAction: calculator\nAction Input: {'expression': '2+2'}",
    "trailing text": 'Thought: add\nAction: calculator\nAction Input: {"expression": "2+2"} and then we see',
    "dreamt observation": 'Thought: add\nAction: calculator\nAction Input: {"expression": "2+2"}\nObservation: 5\nThought: done\nAction: finish\nAction Input: {"answer": "5"}',
    "second step": 'Thought: add\nAction: calculator\nAction Input: {"expression": "2+2"}\nThought: no\nAction: finish\nAction Input: {"answer": "4"}',
    "bold labels": '**Thought:** add\n**Action:** calculator\n**Action Input:** {"expression": "2+2"}',
    "lower case": 'thought: add\naction: Calculator\naction input: {"expression": "2+2"}',
    "backticks": 'Thought: add\nAction: `calculator`\nAction Input: `{"expression": "2+2"}`',
    "brackets": 'Thought: add\nAction: [calculator]\nAction Input: {"expression": "2+2"}',
    "full stop": 'Thought: add\nAction: calculator.\nAction Input: {"expression": "2+2"}',
    "one json object": '{"thought": "add", "action": "calculator", "action_input": {"expression": "2+2"}}',
    "input on the action line": 'Thought: add\nAction: calculator({"expression": "2+2"})',
    "input without its label": 'Thought: add\nAction: calculator\n{"expression": "2+2"}',
    "no thought label": 'add\nAction: calculator\nAction Input: {"expression": "2+2"}',
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
def test_one_meaning_is_read(text):
    step = step_parse(text, TOOLS)
    assert step.action == "calculator"
    assert step.action_input == {"expression": "2+2"}
    assert step.thought == "add"
    assert step.notes == ()


def test_a_wrong_parameter_name_is_mapped_and_said():
    step = step_parse('Thought: t\nAction: python_repl\nAction Input: {"input": "print(1)"}', TOOLS)
    assert step.action_input == {"code": "print(1)"}
    assert step.notes == ('"input" was read as "code"; python_repl has no "input".',)


def test_several_candidates_are_left_for_the_validation():
    text = 'Thought: t\nAction: web_search\nAction Input: {"a": "x", "b": "y"}'
    step = step_parse(text, TOOLS)
    assert step.action_input == {"a": "x", "b": "y"}
    assert step.notes == ()


@pytest.mark.parametrize("raw", ["2+2", '"2+2"', "```\n2+2\n```"])
def test_bare_input_goes_to_the_only_required_parameter(raw):
    step = step_parse(f"Thought: t\nAction: calculator\nAction Input: {raw}", TOOLS)
    assert step.action_input == {"expression": "2+2"}
    assert step.notes


def test_a_final_answer_is_a_finish():
    step = step_parse("Thought: I know\nFinal Answer: 42", TOOLS)
    assert (step.action, step.action_input) == (FINISH, {"answer": "42"})


def test_newlines_inside_strings_are_kept():
    text = 'Thought: t\nAction: python_repl\nAction Input: {"code": "a = 1\nprint(a)"}'
    assert step_parse(text, TOOLS).action_input == {"code": "a = 1\nprint(a)"}


def test_braces_inside_single_quoted_strings():
    text = "Thought: t\nAction: python_repl\nAction Input: {'code': 'print({1: 2})'}"
    assert step_parse(text, TOOLS).action_input == {"code": "print({1: 2})"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Action:"),
        ("I think the answer is 4", "Action:"),
        ('Thought: t\nAction: oven\nAction Input: {"x": 1}', "'oven' is not an action"),
        ("Thought: t\nAction: calculator", "Action Input:"),
        ("Thought: t\nAction: web_search\nAction Input: {broken", "web_search"),
        ("[" * 5000, "Action:"),
        ("Action: calculator\nAction Input: " + "{" * 5000, "calculator"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(text, problem):
    with pytest.raises(StepUnreadable, match=problem.replace("(", r"\(")):
        step_parse(text, TOOLS)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ('Action Input: {"a": "x', 'Action Input: {"a": "x"}'),
        ('{"a": "x\\', '{"a": "x"}'),
        ('{"a": "x\\\\', '{"a": "x\\\\"}'),
        ('{"a": "x\\"', '{"a": "x\\""}'),
        ('{"a": [1, {"b": "]', '{"a": [1, {"b": "]"}]}'),
        ('{"a": "x"}', '{"a": "x"}'),
        ("Thought: t", "Thought: t"),
    ],
)
def test_what_was_cut_off_is_closed(text, closed):
    assert step_close(text) == closed
