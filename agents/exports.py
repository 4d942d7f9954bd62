"""A run as data: the whole of it as a file, and what the model was given for one step."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from agents.errors import StepNotFound
from agents.goals import plan_of, run_steps, task_of
from agents.loops.react import limit_reached, step_messages
from agents.models import Run
from agents.schema import RunSerializer
from inference.types import JSON, Message


def run_export(run: Run) -> JSON:
    """The run as the API shows it, with its plan and every step as it is stored."""
    steps: list[dict[str, Any]] = [asdict(step) for step in run_steps(run)]
    return {"run": RunSerializer(run).data, "plan": plan_of(run), "steps": steps}


def step_prompt(run: Run, number: int) -> tuple[Message, ...]:
    """The messages that the model was given for a step, rebuilt from the steps before it.

    The tools are described as they are now. Raises StepNotFound.
    """
    steps = run_steps(run)
    if not 1 <= number <= len(steps):
        raise StepNotFound(f"The run has no step {number}.")
    task, past = task_of(run, plan_of(run)), steps[: number - 1]
    out_of_time = run.finish_reason == "max_seconds" and number == len(steps)
    limit = limit_reached(task, past, math.inf if out_of_time else 0.0)
    return step_messages(task, past, limit)
