"""Reads a ReAct step out of free text, for engines that cannot be held to a grammar.

Models wrap steps in code fences, quote with apostrophes, go on talking, write the observation
themselves or call a parameter "input". What has one possible meaning is taken to mean it, and the
reading says so in `notes`, which the model is shown with its observation.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.jsons import TooDeep, depth_check
from common.types import JSON
from inference.types import ToolSpec

FINISH = "finish"
FINISH_SPEC = ToolSpec(
    name=FINISH,
    description="End with the answer.",
    parameters={
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    },
)
LABEL = re.compile(
    r"^[\s*#>-]*(thought|action input|action|observation|final answer|answer)\s*\**\s*:\s*\**",
    re.IGNORECASE | re.MULTILINE,
)
CALL = re.compile(r"^\s*([\w.-]+)\s*\((.*)\)\s*$", re.DOTALL)


class StepUnreadable(ValueError):
    """The text holds no step. `str(error)` tells the model what to mend."""


@dataclass(frozen=True, slots=True)
class ParsedStep:
    """One step. `action_input` fits the tool's parameter names, not yet its types."""

    thought: str
    action: str
    action_input: JSON
    notes: tuple[str, ...] = ()


def step_parse(text: str, tools: Sequence[ToolSpec]) -> ParsedStep:
    """Read the first step in `text`. Raises StepUnreadable.

    `tools` are those that may be called; the action "finish" always may.
    """
    specs = {spec.name.lower(): spec for spec in (*tools, FINISH_SPEC)}
    parts = _sections(text)
    if not parts:
        parts = _json_step(text)
    thought = parts.get("thought", "").strip()
    answer = parts.get("final answer") or parts.get("answer")
    if "action" not in parts and answer:
        return ParsedStep(thought, FINISH, {"answer": answer.strip()})
    if "action" not in parts:
        raise StepUnreadable('there is no line that starts with "Action:".')
    name, inline = _action_name(parts["action"])
    spec = specs.get(name.lower())
    if spec is None:
        raise StepUnreadable(f"{name!r} is not an action; choose one of {', '.join(specs)}.")
    raw = parts.get("action input", inline)
    if raw is None:
        raise StepUnreadable('there is no line that starts with "Action Input:".')
    action_input, notes = _fit(_read_value(raw), raw, spec)
    return ParsedStep(thought, spec.name, action_input, notes)


def step_close(text: str) -> str:
    """Close what is open in a step that was cut off inside its input; else `text` as it is.

    The input is not what the model meant: it may be kept and shown, and must not be run.
    """
    start = text.find("{")
    if start < 0:
        return text
    closers: list[str] = []
    in_string = escaped = False
    for character in text[start:]:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            closers.append("}" if character == "{" else "]")
        elif character in "}]" and closers:
            closers.pop()
    body = text[:-1] if in_string and escaped else text
    return body + ('"' if in_string else "") + "".join(reversed(closers))


def step_is_open(text: str) -> bool:
    """Tell of a step that was cut off whether it might have gone on: its last part is neither a
    whole JSON object nor followed by anything, so that half of it may read like the whole."""
    matches = list(LABEL.finditer(text))
    labels = [match.group(1).lower() for match in matches]
    if "observation" in labels or len(set(labels)) < len(labels):
        return False
    return _read_value(text[matches[-1].end() :] if matches else text) is None


def _sections(text: str) -> dict[str, str]:
    """The labelled parts of the first step; what follows an observation is the model's dream."""
    parts: dict[str, str] = {}
    matches = list(LABEL.finditer(text))
    for index, match in enumerate(matches):
        label = match.group(1).lower()
        if label == "observation" or label in parts:
            break
        end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        parts[label] = text[match.end() : end].strip()
    if parts and "thought" not in parts and matches[0].start() > 0:
        parts["thought"] = text[: matches[0].start()].strip()
    return parts


def _json_step(text: str) -> dict[str, str]:
    """A step written as one JSON object with the labels as keys."""
    value = _read_value(text)
    if not isinstance(value, dict):
        return {}
    keys = {str(key).lower().replace("_", " "): value[key] for key in value}
    return {
        key: entry if isinstance(entry, str) else json.dumps(entry) for key, entry in keys.items()
    }


def _action_name(text: str) -> tuple[str, str | None]:
    """The tool's name, and its input where the model wrote a call: `calculator({"...": ...})`."""
    line = text.strip().strip("`*\"'[]").strip()
    call = CALL.match(line)
    if call:
        return call.group(1), call.group(2)
    first, _, rest = line.partition("\n")
    brace = rest.find("{") if rest else -1
    return first.strip().strip("`*\"'[].").strip(), rest[brace:] if brace >= 0 else None


def _read_value(text: str) -> Any:
    """The first JSON (or Python literal) object in the text, else None."""
    body = re.sub(r"```\w*", "", text).strip()
    start = body.find("{")
    if start < 0:
        return None
    try:
        value = json.JSONDecoder(strict=False).raw_decode(body[start:])[0]
        depth_check(value)
        return value
    except (TooDeep, RecursionError):
        return None
    except ValueError:
        pass
    for end in (match.end() for match in re.finditer(r"\}", body)):
        try:
            value = ast.literal_eval(body[start:end])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict) and _is_json(value):
            return value
    return None


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _fit(value: Any, raw: str, spec: ToolSpec) -> tuple[JSON, tuple[str, ...]]:
    """The parameters under their right names, and what was taken to mean what."""
    properties: JSON = spec.parameters.get("properties", {})
    required = list(spec.parameters.get("required", []))
    if not isinstance(value, dict):
        return _fit_bare(raw, required, spec)
    missing = [name for name in required if name not in value]
    unknown = [name for name in value if name not in properties]
    if len(missing) == 1 and len(unknown) == 1:
        fitted = {missing[0] if name == unknown[0] else name: value[name] for name in value}
        note = f'"{unknown[0]}" was read as "{missing[0]}"; {spec.name} has no "{unknown[0]}".'
        return fitted, (note,)
    return value, ()


def _fit_bare(raw: str, required: list[str], spec: ToolSpec) -> tuple[JSON, tuple[str, ...]]:
    text = re.sub(r"^```\w*\n?|\n?```$", "", raw.strip()).strip()
    if "{" in text[:1] or len(required) != 1 or not text:
        raise StepUnreadable(
            f"the Action Input of {spec.name} is not a JSON object with "
            f"{', '.join(required) or 'its parameters'}."
        )
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return {required[0]: text}, (f'The input was read as {{"{required[0]}": ...}}.',)
