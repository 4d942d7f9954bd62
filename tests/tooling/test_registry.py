"""How tools come in: a class and a line, or an installed package."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tooling.packages import TOOL, install
from tests.tooling.samples import SampleTool
from tooling import services
from tooling.builtin import initialize_tools
from tooling.registry import ToolRegistry

DOCUMENT = Path(__file__).parents[2] / "docs" / "tools.md"


def test_custom_tool_of_the_documentation_works(owner, register):
    module: dict[str, type] = {}
    exec(DOCUMENT.read_text().split("```python\n")[1].split("```")[0], module)
    register(module["MyCustomTool"]())
    result = services.tool_execute(
        name="my_custom_tool", arguments={"input_param": "x"}, caller=owner
    )
    assert (result.success, result.result, result.error) == (True, "Processed: x", None)
    assert asyncio.run(module["MyCustomTool"]().execute(input_param="y")).result == "Processed: y"


def test_initialize_tools_gives_a_registry_with_the_built_in_tools():
    registry = initialize_tools()
    assert isinstance(registry, ToolRegistry)
    assert {tool.name for tool in registry} >= {"web_search", "code_generator"}


@pytest.mark.parametrize("name", ["", "two words", "dot.ted", "x" * 65, "naïve", "new\nline"])
def test_a_name_that_no_model_can_call_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        ToolRegistry().register(SampleTool(name))


def test_a_name_that_is_taken_is_refused():
    registry = ToolRegistry()
    registry.register(SampleTool("twice"))
    with pytest.raises(ValueError, match="already"):
        registry.register(SampleTool("twice"))


def test_a_broken_schema_is_refused():
    tool = SampleTool(x={"type": "array", "schema": {"items": {"type": "nonsense"}}})
    with pytest.raises(ValueError, match="schema"):
        ToolRegistry().register(tool)


def test_installed_packages_bring_tools_and_broken_ones_are_told(tmp_path: Path):
    site = install(
        tmp_path,
        "cortex_shout",
        {"shout": "shouting:ShoutTool", "gone": "nowhere:Tool", "none": "shouting:ToolResult"},
        {"shouting": TOOL},
    )
    program = (
        "from tooling.registry import ToolRegistry\n"
        "r = ToolRegistry(); r.register_installed()\n"
        "print([t.name for t in r]); print(sorted(p.split()[0] for p in r.problems))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert output == ["['shout']", "['gone', 'none']"]
