"""Steps as the pages show them: texts made readable, tokens and time told apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.react.observations import observation_text
from agents.react.steps import COMPLETED, FAILED, OBSERVING, THINKING, StepRecord

LONG = 600  # characters of an observation from which it is folded
WORDS = {
    THINKING: ("writing", "badge--busy"),
    "acting": ("acting", "badge--busy"),
    OBSERVING: ("done", "badge--good"),
    COMPLETED: ("finished", "badge--good"),
    FAILED: ("not run", "badge--bad"),
}
IDLE = {THINKING: ("not finished", ""), "acting": ("not finished", "")}
PHASES = (
    ("queue", "queue_seconds"),
    ("prefill", "prefill_seconds"),
    ("decode", "decode_seconds"),
)


@dataclass(frozen=True)
class StepView:
    """One step on a page. `key` makes its element ids unique; `writing` is what the model has
    written of it so far; `live` tells whether the run still works."""

    record: StepRecord
    key: str
    run_id: str
    writing: str = ""
    live: bool = False
    shared: bool = False  # it came from the run that this one was forked from
    differs: bool = False  # it is the first that is not as in the run beside it

    @property
    def number(self) -> int:
        return self.record.step_number

    @property
    def is_written(self) -> bool:
        return self.record.status == THINKING

    @property
    def _word(self) -> tuple[str, str]:
        idle = {} if self.live else IDLE
        if self.record.observed and self.record.observed.is_error:
            return "error", "badge--bad"
        return idle.get(self.record.status) or WORDS[self.record.status]

    @property
    def word(self) -> str:
        return self._word[0]

    @property
    def badge(self) -> str:
        return self._word[1]

    @cached_property
    def inputs(self) -> list[tuple[str, str]]:
        """The input by name: texts as they are (code keeps its lines), the rest as JSON."""
        given = self.record.action_input or {}
        return [(name, _shown(value)) for name, value in given.items()]

    @property
    def is_foreign(self) -> bool:
        """What was observed comes from outside."""
        return self.record.observed is not None and self.record.observed.untrusted

    @property
    def observation(self) -> str | None:
        """What was observed, without the marks that keep a model from obeying it."""
        return observation_text(self.record.observed, marks=False)

    @property
    def folds(self) -> bool:
        return len(self.observation or "") > LONG

    @property
    def preview(self) -> str:
        return (self.observation or "")[:120].replace("\n", " ")

    @property
    def prompt_tokens(self) -> int:
        return int(self.record.usage.get("prompt_tokens", 0))

    @property
    def cached_tokens(self) -> int:
        return int(self.record.usage.get("cached_tokens", 0))

    @property
    def cache_miss(self) -> str:
        """Why no more of the prompt was in the cache."""
        return str(self.record.usage.get("cache_miss", ""))

    @property
    def fresh_tokens(self) -> int:
        return self.prompt_tokens - self.cached_tokens

    @property
    def written_tokens(self) -> int:
        return int(self.record.usage.get("completion_tokens", 0))

    @property
    def forced_tokens(self) -> int:
        """Of the written ones, those that the grammar left no choice about."""
        return int(self.record.usage.get("forced_tokens", 0))

    @cached_property
    def phases(self) -> list[tuple[str, float]]:
        """Where the time went, in order: (name, seconds).

        A remote engine tells nothing of its queue: the wait for its first token counts as prefill.
        """
        usage = self.record.usage
        model = {name: float(usage.get(field, 0.0)) for name, field in PHASES}
        if not model["prefill"]:
            model["prefill"] = max(usage.get("first_token_seconds", 0.0) - model["queue"], 0.0)
        return [*model.items(), ("tool", self.record.tool_seconds)]

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.phases)


@dataclass(frozen=True)
class Segment:
    """A stretch of time, as percentages of the whole."""

    phase: str
    start: str
    width: str


@dataclass(frozen=True)
class Bar:
    step: StepView
    segments: list[Segment]


def waterfall(steps: Sequence[StepView]) -> list[Bar]:
    """One bar a step, each beginning where the one before ended; empty while no time was spent."""
    total = sum(step.seconds for step in steps)
    if not total:
        return []
    bars, passed = [], 0.0
    for step in steps:
        segments = []
        for phase, seconds in step.phases:
            if seconds > 0:
                segments.append(Segment(phase, _percent(passed, total), _percent(seconds, total)))
            passed += seconds
        bars.append(Bar(step, segments))
    return bars


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3f}%"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
