"""The ReAct prompts, built from the files in agents/prompts and the tools that are enabled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template

from agents.react.parser import FINISH
from common.types import JSON
from inference.types import ToolSpec

FOLDER = Path(__file__).parent / "prompts"
SAMPLES: JSON = {"integer": 3, "number": 1.5, "boolean": True, "array": [], "object": {}}


@cache
def _template(name: str) -> Template:
    return Template((FOLDER / name).read_text(encoding="utf-8"))


def prompt(name: str, **values: str) -> str:
    """Give the text of a prompt file with its $placeholders filled."""
    return _template(f"{name}.txt").substitute(values).strip()


def system_prompt(tools: Sequence[ToolSpec]) -> str:
    """Format, tools with parameter details and an example each, common mistakes, workflow; the
    runs of `agents.react.examples` follow it.

    The text depends on the tools alone, so that all runs share its place in the prompt cache.
    """
    names = {spec.name for spec in tools}
    workflow = [prompt("workflow")]
    if {"code_generator", "python_repl"} <= names:
        workflow.append(prompt("workflow_code"))
    return prompt(
        "react_system",
        actions=", ".join([*(spec.name for spec in tools), FINISH]),
        tools="\n".join(_tool_details(spec) for spec in tools),
        mistakes=' (python_repl takes "code", not "input")' if "python_repl" in names else "",
        workflow="\n\n".join(workflow),
    )


def tool_summary(tools: Sequence[ToolSpec]) -> str:
    """One line for each tool, for planning."""
    return "\n".join(f"- {spec.name}: {spec.description}" for spec in tools) or "(none)"


def goal_prompt(goal: str, context: JSON, plan: str = "") -> str:
    """Give the first user message of a run."""
    lines = [f"Goal: {goal}"]
    if context:
        lines.append(f"Context: {json.dumps(context, ensure_ascii=False)}")
    if plan:
        lines.append(f"Plan:\n{plan}")
    return "\n".join(lines)


def _tool_details(spec: ToolSpec) -> str:
    required = spec.parameters.get("required", [])
    lines = [f"- {spec.name}: {spec.description}"]
    for name, schema in spec.parameters.get("properties", {}).items():
        need = "required" if name in required else "optional"
        about = schema.get("description", "")
        lines.append(f"    {name} ({schema.get('type', 'any')}, {need}): {about}".rstrip(": "))
    lines.append(f"    Example: {_example(spec)}")
    return "\n".join(lines)


def _example(spec: ToolSpec) -> str:
    """An input of the tool: the one written in a file, or one made of its schema."""
    file = f"examples/{spec.name}"
    if (FOLDER / f"{file}.txt").exists():
        return prompt(file)
    properties = spec.parameters.get("properties", {})
    values = {
        name: _sample(name, properties.get(name, {}))
        for name in spec.parameters.get("required", [])
    }
    return json.dumps(values, ensure_ascii=False)


def _sample(name: str, schema: JSON) -> object:
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    return SAMPLES.get(schema.get("type", "string"), f"<{name}>")
