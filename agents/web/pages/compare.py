"""Two runs side by side: where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from agents.models import Run
from agents.react.steps import StepRecord
from agents.web.pages.steps import StepView
from agents.web.pages.traces import run_values, trace_of


def first_difference(left: Sequence[StepRecord], right: Sequence[StepRecord]) -> int | None:
    """Give the number of the first step in which two runs differ; None when they are alike."""
    for number, pair in enumerate(zip_longest(left, right), 1):
        if _content(pair[0]) != _content(pair[1]):
            return number
    return None


def _content(step: StepRecord | None) -> object:
    """What a step says and does; not what it cost."""
    return step and (step.thought, step.action, step.action_input, step.observation)


def comparison(left: Run, right: Run) -> dict[str, Any]:
    """Tell what the page is rendered with."""
    sides = [run_values(run, trace_of(run)) for run in (left, right)]
    records = [[step.record for step in side["steps"]] for side in sides]
    number = first_difference(*records)
    for name, side in zip(("left", "right"), sides, strict=True):
        side["key"] = f"{name}-{side['key']}"
        side["steps"] = [_marked(step, name, number) for step in side["steps"]]
    return {"left": sides[0], "right": sides[1], "sides": sides, "verdict": _verdict(number)}


def _marked(step: StepView, side: str, number: int | None) -> StepView:
    return replace(step, key=f"{side}-{step.key}", differs=step.number == number)


def _verdict(number: int | None) -> str:
    if number is None:
        return "Their steps are alike."
    return f"They part at step {number}." if number > 1 else "They differ from the first step on."
