"""What a model is shown of a tool's result, in a run and in the examples before it."""

from __future__ import annotations

from agents.prompting import prompt
from inference.types import Message
from tooling.base import ToolResult
from tooling.services import result_for_model


def observe(result: ToolResult) -> str:
    """A tool's result as a step keeps it."""
    text = result_for_model(result).rstrip()
    return f"Success: {text}" if result.success else text


def observation_message(observation: str | None) -> Message:
    """The turn that follows a step."""
    return Message("user", prompt("observation", observation=observation or "(none)"))
