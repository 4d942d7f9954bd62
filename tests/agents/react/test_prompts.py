"""What the model is shown before a goal: true, like the goal, and nothing that it is tested on."""

import json
from pathlib import Path

import pytest

from agents.react.examples import SHOWN, TURN, example_messages, example_runs
from agents.react.grammar import step_constraint
from agents.react.observations import Observation
from agents.react.parser import step_parse
from agents.react.prompting import FOLDER, system_prompt
from agents.react.steps import StepRecord, Task, transcript
from inference.types import ToolSpec
from tests.agents.react.test_grammar import is_taken
from tooling.services import registry, tool_execute

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
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
    assert step_constraint(TOOLS, 1000).kind == "lark"
    for run in example_runs():
        thoughts = [turn for turn in TURN.split(run.text) if turn.startswith("Thought:")]
        assert len(thoughts) >= 2
        for text in thoughts:
            assert is_taken(text, TOOLS)
            assert step_parse(text, TOOLS).notes == ()


@pytest.mark.django_db
@pytest.mark.parametrize("run", example_runs(), ids=lambda run: run.goal)
def test_example_runs_show_what_the_tools_really_give(run, owner):
    _, *turns, _ = TURN.split(run.text)
    for call, seen in zip(turns[::2], turns[1::2], strict=True):
        step = step_parse(call, TOOLS)
        result = tool_execute(name=step.action, arguments=step.action_input, caller=owner)
        assert result.success
        assert seen == f"Observation: {str(result.result).strip()}"


@pytest.mark.parametrize(
    ("goal", "like"),
    [
        ("What is 5 to the power of 6?", "What is 3 to the power of 4?"),
        ("Which date is 3 days after 2020-02-27?", "Which date is 30 days after 2022-05-10?"),
        ("Write the name 'Ada' backwards", "Write the word 'umbrella' backwards"),
        ("Multiply 3 by 5, then add 4", "Multiply 14 by 6, then add 30 to the result"),
    ],
)
def test_the_run_most_like_the_goal_comes_last(goal, like):
    shown = example_messages(goal, TOOLS)
    assert [m.role for m in shown] == ["user", "assistant"] * (len(shown) // 2)
    goals = [m.content for m in shown if m.content.startswith("Goal: ")]
    assert len(goals) == SHOWN
    assert goals[-1] == f"Goal: {like}"


def test_example_runs_use_enabled_tools_only():
    assert example_messages("Reverse the word 'abc'", [BARE]) == ()
    calculator = [spec for spec in TOOLS if spec.name == "calculator"]
    texts = [m.content for m in example_messages("Reverse the word 'abc'", calculator)]
    assert texts
    assert not any("python_repl" in text for text in texts)


@pytest.mark.parametrize("goal", ["Add 1 and 2", "日本", ""])
def test_a_transcript_only_grows_and_its_roles_alternate(goal):
    done = StepRecord(
        1, "observing", "t", "calculator", {"expression": "1"}, Observation("1", success=True)
    )
    before = transcript(Task(goal, TOOLS), [])
    after = transcript(Task(goal, TOOLS), [done])
    assert after[: len(before)] == before
    roles = ["system", *["user", "assistant"] * len(after)]
    assert [message.role for message in after] == roles[: len(after)]
    assert before[0] == transcript(Task("another goal", TOOLS), [])[0]


@pytest.mark.parametrize("name", ["goals", "goals_unseen"])
def test_the_benchmarks_goals_are_not_in_the_prompts(name):
    texts = " ".join(path.read_text() for path in FOLDER.rglob("*.txt"))
    for line in (BENCHMARKS / f"{name}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        assert entry["goal"].lower() not in texts.lower()
