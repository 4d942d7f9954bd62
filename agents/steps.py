"""One step of a ReAct run: its record, and how the model is shown it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.example_runs import example_messages
from agents.observations import observation_message
from agents.prompting import goal_prompt, system_prompt
from inference.types import JSON, Message, Sampling, ToolSpec

THINKING, ACTING, OBSERVING, COMPLETED, FAILED = (
    "thinking",
    "acting",
    "observing",
    "completed",
    "failed",
)


@dataclass(frozen=True, slots=True)
class Task:
    """What a run was asked to do, and within which limits (0 is no limit).

    `grammar` tells whether the engine can be held to a grammar; without it the text is parsed.
    """

    goal: str
    tools: tuple[ToolSpec, ...]
    model: str = ""
    max_iterations: int = 10
    max_seconds: float = 0
    max_tokens: int = 0
    max_tool_calls: int = 0
    step_tokens: int = 700
    context: JSON = field(default_factory=dict)
    plan: str = ""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.0))
    grammar: bool = True
    owner: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as it is logged; `text` is what the model wrote, exactly, and what closes it where
    it was cut off."""

    step_number: int
    status: str = THINKING
    thought: str = ""
    action: str = ""
    action_input: JSON | None = None
    observation: str | None = None
    text: str = ""
    usage: JSON = field(default_factory=dict)
    tool_seconds: float = 0.0


def transcript(task: Task, steps: Sequence[StepRecord]) -> tuple[Message, ...]:
    """The conversation that leads to the next step; it only ever grows at its end, so that each
    step finds the one before it in the prompt cache."""
    messages = [
        Message("system", system_prompt(task.tools)),
        *example_messages(task.goal, task.tools),
        Message("user", goal_prompt(task.goal, task.context, task.plan)),
    ]
    for step in steps:
        messages.append(Message("assistant", step.text or _rewrite(step)))
        messages.append(observation_message(step.observation))
    return tuple(messages)


def _rewrite(step: StepRecord) -> str:
    """A step in the written format, where the exact text is not known (it was edited)."""
    return (
        f"Thought: {step.thought}\nAction: {step.action}\n"
        f"Action Input: {json.dumps(step.action_input or {}, ensure_ascii=False)}"
    )


def same_calls(steps: Sequence[StepRecord], step: StepRecord) -> int:
    """How many steps just before made the same call with the same input."""
    count = 0
    for before in reversed(steps):
        same = (before.action, before.action_input) == (step.action, step.action_input)
        if not same or not step.action:
            break
        count += 1
    return count
