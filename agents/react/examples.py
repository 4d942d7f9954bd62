"""Short runs that are shown to the model before the goal, as turns of the conversation.

agents/prompts/example_runs.txt holds many, each a goal, its steps, and what the tool gave. Models
follow turns more closely than a description of them, small ones above all, and most closely those
that resemble what they are asked. So the runs whose goals are most like the goal are shown. There
are several of each kind: from one alone a small model does not see what has to be changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import log

from agents.react.observations import observation_message, observe
from agents.react.parser import FINISH
from agents.react.prompting import prompt
from inference.types import PromptMessage, ToolSpec
from tooling.base import ToolResult

SHOWN = 3
TURN = re.compile(r"\n(?=Thought:|Observation:)")
ACTION = re.compile(r"^Action: (.+)$", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]+|\d")


@dataclass(frozen=True, slots=True)
class ExampleRun:
    """One run as it is written in the file."""

    text: str

    @property
    def goal(self) -> str:
        return self.text.partition("\n")[0].removeprefix("Goal: ")

    @property
    def actions(self) -> set[str]:
        return set(ACTION.findall(self.text))


@cache
def example_runs() -> tuple[ExampleRun, ...]:
    """All of them, the most general first."""
    return tuple(ExampleRun(text) for text in prompt("example_runs").split("\n\n"))


def example_messages(goal: str, tools: Sequence[ToolSpec]) -> tuple[PromptMessage, ...]:
    """Give the runs most like the goal, of those that need no other tools than these, as turns; the
    one that is most like it comes last."""
    allowed = {FINISH, *(spec.name for spec in tools)}
    known = [run for run in example_runs() if run.actions <= allowed]
    nearest = sorted(known, key=lambda run: -_likeness(goal, run.goal))[:SHOWN]
    return tuple(message for run in reversed(nearest) for message in _messages(run.text))


def _likeness(one: str, other: str) -> float:
    """The share of words that two goals have in common; rare words count for more."""
    ours, theirs = set(_words(one)), set(_words(other))
    return _weight(ours & theirs) / (_weight(ours | theirs) or 1)


def _weight(words: set[str]) -> float:
    unknown = log(len(example_runs()))
    return sum(_rarity().get(word, unknown) for word in words)


@cache
def _rarity() -> dict[str, float]:
    runs = example_runs()
    counts = Counter(word for run in runs for word in set(_words(run.goal)))
    return {word: log(len(runs) / count) for word, count in counts.items()}


def _words(text: str) -> list[str]:
    """Words without their endings, so that "letters" is like "letter"; digits are all alike."""
    return ["0" if word.isdigit() else word[:5] for word in WORD.findall(text.lower())]


def _messages(text: str) -> Iterator[PromptMessage]:
    for turn in TURN.split(text):
        label, _, content = turn.partition(": ")
        if label == "Thought":
            yield PromptMessage("assistant", turn)
        elif label == "Observation":
            yield observation_message(observe(ToolResult(True, content)))  # of trusted tools only
        else:
            yield PromptMessage("user", turn)
