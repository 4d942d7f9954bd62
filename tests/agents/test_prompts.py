"""What the model is shown before a goal: the same for all, and nothing of what it is tested on."""

import json
from pathlib import Path

import pytest

from agents.example_runs import RUNS, example_messages
from agents.grammar import step_constraint
from agents.parser import step_parse
from agents.prompting import FOLDER, system_prompt
from agents.steps import StepRecord, Task, transcript
from inference.types import ToolSpec
from tests.agents.test_grammar import is_taken
from tooling.services import registry

GOALS = Path(__file__).resolve().parents[2] / "benchmarks" / "goals.jsonl"
TOOLS = tuple(ToolSpec(tool.name, tool.description, tool.schema()) for tool in registry())
BARE = ToolSpec("notes", "Keeps notes.", {"type": "object", "properties": {}})


def test_the_five_parts_are_there():
    text = system_prompt(TOOLS)
    for tool in TOOLS:
        assert f"- {tool.name}: {tool.description}" in text
    assert "Action Input: the parameters as one JSON object" in text
    assert "code (string, required)" in text
    assert "num_results (integer, optional)" in text
    assert 'python_repl takes "code", not "input"' in text
    assert "code_generator returns the code, then python_repl runs" in text
    assert text.count("Example: {") == len(TOOLS)


def test_a_tool_without_a_file_gets_an_example_of_its_schema():
    schema = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
    assert 'Example: {"to": "<to>"}' in system_prompt([ToolSpec("mail", "Sends.", schema)])


def test_example_runs_are_steps_that_the_grammar_takes():
    written = [m.content for m in example_messages(TOOLS) if m.role == "assistant"]
    assert len(written) == 2 * len(RUNS)
    assert step_constraint(TOOLS).kind == "lark"
    for text in written:
        assert is_taken(text, TOOLS)
        assert step_parse(text, TOOLS).notes == ()


def test_example_runs_use_enabled_tools_only():
    assert example_messages([BARE]) == ()
    texts = [m.content for m in example_messages([s for s in TOOLS if s.name == "calculator"])]
    assert texts
    assert not any("python_repl" in text for text in texts)


def test_example_results_look_as_real_ones():
    """A result of a tool that is not trusted is marked in the examples as it is in a run."""
    marked = [m.content for m in example_messages(TOOLS) if "[outside text" in m.content]
    assert len(marked) == sum("python_repl" in _dialogue(name) for name in RUNS)


@pytest.mark.parametrize("goal", ["Add 1 and 2", "日本"])
def test_all_goals_share_the_beginning(goal):
    done = StepRecord(1, "observing", "t", "calculator", {"expression": "1"}, "Success: 1")
    first = transcript(Task("another goal", TOOLS), [done])
    second = transcript(Task(goal, TOOLS), [])
    shared = len(second) - 1
    assert first[:shared] == second[:shared]
    assert [message.role for message in second] == ["system", *["user", "assistant"] * shared][
        : shared + 1
    ]


def test_the_benchmarks_goals_are_not_in_the_prompts():
    texts = " ".join(path.read_text() for path in FOLDER.rglob("*.txt"))
    for line in GOALS.read_text().splitlines():
        entry = json.loads(line)
        assert entry["goal"].lower() not in texts.lower()


def _dialogue(name):
    return (FOLDER / "dialogues" / f"{name}.txt").read_text()
