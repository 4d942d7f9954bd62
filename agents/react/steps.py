"""One step of a ReAct run: its record, and how the model is shown it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields

from agents.limits import DEFAULT_ITERATIONS
from agents.react.examples import example_messages
from agents.react.observations import (
    Observation,
    observation_message,
    observation_read,
    observation_text,
)
from agents.react.prompting import goal_prompt, system_prompt
from common.types import JSON
from inference.types import PromptMessage, Sampling, ToolSpec

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
    `examples` tells whether the model is shown solved ones.
    """

    goal: str
    tools: tuple[ToolSpec, ...]
    model: str = ""
    max_iterations: int = DEFAULT_ITERATIONS
    max_seconds: float = 0
    max_tokens: int = 0
    max_tool_calls: int = 0
    step_tokens: int = 700
    context: JSON = field(default_factory=dict)
    plan: str = ""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.0))
    grammar: bool = True
    examples: bool = True
    owner: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step; `text` is what the model wrote, exactly, and what closes it where it was cut off.
    `prompt` is what the model was sent; "" where the engine did not tell."""

    step_number: int
    status: str = THINKING
    thought: str = ""
    action: str = ""
    action_input: JSON | None = None
    observed: Observation | None = None
    text: str = ""
    usage: JSON = field(default_factory=dict)
    tool_seconds: float = 0.0
    prompt: str = ""

    @property
    def observation(self) -> str | None:
        """What was observed, as the model reads it."""
        return observation_text(self.observed)


FIELDS = tuple(field.name for field in fields(StepRecord))


def step_data(step: StepRecord) -> JSON:
    """Write a step as JSON: its fields, and `observation` for those who only read."""
    return asdict(step) | {"observation": step.observation}


def step_read(data: JSON) -> StepRecord:
    """Read what `step_data` wrote, or what an earlier version did: there `observation` is all."""
    known = {name: data[name] for name in FIELDS if name in data}
    seen = known.get("observed")
    observed = Observation(**seen) if seen else observation_read(data.get("observation"))
    return StepRecord(**known | {"observed": observed})


def step_of(row: object) -> StepRecord:
    """Read a step from its row, an `agents.models.Step`; the loop knows no rows."""
    return step_read({name: getattr(row, name) for name in FIELDS})


def transcript(task: Task, steps: Sequence[StepRecord]) -> tuple[PromptMessage, ...]:
    """Give the conversation that leads to the next step; it only ever grows at its end, so that
    each step finds the one before it in the prompt cache."""
    messages = [
        PromptMessage("system", system_prompt(task.tools)),
        *(example_messages(task.goal, task.tools) if task.examples else ()),
        PromptMessage("user", goal_prompt(task.goal, task.context, task.plan)),
    ]
    for step in steps:
        messages.append(PromptMessage("assistant", step.text or _rewrite(step)))
        messages.append(observation_message(step.observed))
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
