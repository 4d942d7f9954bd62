"""A run as data: the whole of it as a file, and what the model was given for one step."""

from __future__ import annotations

import math

from agents.errors import StepNotFound
from agents.models import Run
from agents.react.goals import plan_of, run_steps, task_of
from agents.react.loop import limit_reached, step_messages
from agents.react.steps import step_data
from agents.web.api.openapi import RunSerializer
from common.types import JSON
from inference.services import model_resolve
from inference.types import PromptMessage


def run_export(run: Run) -> JSON:
    """Give the run as the API shows it, with its plan and every step as it is stored."""
    steps = [step_data(step) for step in run_steps(run)]
    return {"run": RunSerializer(run).data, "plan": plan_of(run), "steps": steps}


def step_prompt(run: Run, number: int) -> tuple[PromptMessage, ...]:
    """Give the messages that the model was given for a step, rebuilt from the steps before it: for
    steps that do not hold what was sent.

    The tools are described as they are now. Raises StepNotFound.
    """
    steps = run_steps(run)
    if not 1 <= number <= len(steps):
        raise StepNotFound(f"The run has no step {number}.")
    task, past = task_of(run, model_resolve(run.model), plan_of(run)), steps[: number - 1]
    out_of_time = run.finish_reason == "max_seconds" and number == len(steps)
    limit = limit_reached(task, past, math.inf if out_of_time else 0.0)
    return step_messages(task, past, limit)
