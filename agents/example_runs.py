"""Short runs that are shown to the model before the goal, as turns of the conversation.

A file of agents/prompts/dialogues is one run: a goal, its steps, and what each tool gave. Models
follow turns more closely than a description of them, small ones above all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agents.observations import observation_message, observe
from agents.parser import FINISH
from agents.prompting import prompt
from inference.types import Message, ToolSpec
from tooling.base import ToolResult
from tooling.services import registry

RUNS = ("letters", "dates", "arithmetic", "word_problem")  # the likeliest kind last
TURN = re.compile(r"\n(?=Thought:|Observation:)")
ACTION = re.compile(r"^Action: (.+)$", re.MULTILINE)


def example_messages(tools: Sequence[ToolSpec]) -> tuple[Message, ...]:
    """The runs that need no other tools than these. They depend on the tools alone, so that all
    runs share them in the prompt cache."""
    allowed = {FINISH, *(spec.name for spec in tools)}
    texts = [prompt(f"dialogues/{name}") for name in RUNS]
    return tuple(
        message
        for text in texts
        if allowed.issuperset(ACTION.findall(text))
        for message in _messages(text)
    )


def _messages(text: str) -> Iterator[Message]:
    action = ""
    for turn in TURN.split(text):
        label, _, content = turn.partition(": ")
        if label == "Thought":
            action = ACTION.findall(turn)[0]
            yield Message("assistant", turn)
        elif label == "Observation":
            yield observation_message(observe(_result(action, content)))
        else:
            yield Message("user", turn)


def _result(action: str, text: str) -> ToolResult:
    """Marked as text from outside where the tool's real results are."""
    tool = registry().get(action)
    return ToolResult(True, text, untrusted=tool is not None and tool.untrusted)
