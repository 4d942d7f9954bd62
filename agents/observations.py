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
    name = "observation_error" if is_error(observation) else "observation"
    return Message("user", prompt(name, observation=observation or "(none)"))


def is_error(observation: str | None) -> bool:
    """Whether it says that a call failed, or could not be read."""
    return (observation or "").startswith("Error: ")
