"""What a step observed: a value, and the one place that writes it out for a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.react.prompting import prompt
from inference.types import PromptMessage
from tooling.base import ToolResult
from tooling.results import CUT_OFF, outside_text, result_text

SUCCESS, ERROR = "Success: ", "Error: "
# How logs and rows of earlier versions, which held text alone, end a repeated observation.
REPEATED = (
    "\n(You made this very call in the step before, with the same input; it was not run again. "
    "Use its result, try something else, or finish.)"
)
# How `tooling.results.outside_text` marks text; the text within cannot know the number.
MARKED = re.compile(
    r"What stands between the marks [^\n]*\n"
    r"\[outside text (?P<number>[0-9a-f]{8})\]\n(?P<text>.*)\n"
    r"\[end of outside text (?P=number)\](?:\n\((?P<note>.*)\))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a step.

    `success` is None where no call was made: `text` is then a note, or the words of a person.
    `note` says how the call's input was read. `repeated` marks the result of the step before,
    given again; `cut_off` a call of which nobody knows what it did.
    """

    text: str
    success: bool | None = None
    untrusted: bool = False
    repeated: bool = False
    cut_off: bool = False
    note: str = ""

    @property
    def is_error(self) -> bool:
        """Tell whether a call failed, or could not be read. The tool says so, not what strangers
        wrote: a failed web search is an error as any other."""
        return self.success is False


def observe(result: ToolResult) -> Observation:
    """Keep a tool's result as a step does."""
    text = result_text(result)
    return Observation(
        text=text if result.untrusted else text.rstrip(),
        success=result.success,
        untrusted=result.untrusted,
        cut_off=result.cut_off,
    )


def observation_text(seen: Observation | None, *, marks: bool = True) -> str | None:
    """Write an observation out as the model reads it; for people, without the marks that keep a
    model from obeying it."""
    if seen is None:
        return None
    text = outside_text(seen.text) if seen.untrusted and marks else seen.text
    label = SUCCESS if seen.success else ""
    note = f"\n({seen.note})" if seen.note else ""
    text = f"{label}{text}{note}"
    return prompt("repeated", observation=text) if seen.repeated else text


def observation_message(seen: Observation | None) -> PromptMessage:
    """Make the turn that follows a step."""
    name = "observation_error" if seen is not None and seen.is_error else "observation"
    return PromptMessage("user", prompt(name, observation=observation_text(seen) or "(none)"))


def observation_read(text: str | None) -> Observation | None:
    """Read an observation that is known as text alone: from a person who edits a step, or from a
    log or row of an earlier version. Written out it is the same text."""
    if text is None:
        return None
    body = text.removesuffix(REPEATED)
    plain = body.removeprefix(SUCCESS)
    marked = MARKED.fullmatch(plain)
    said = marked["text"] if marked else plain
    success = True if plain != body else False if said.startswith(ERROR) else None
    return Observation(
        text=said,
        success=success,
        untrusted=marked is not None,
        repeated=body != text,
        cut_off=success is False and CUT_OFF in said,
        note=(marked["note"] or "") if marked else "",
    )
