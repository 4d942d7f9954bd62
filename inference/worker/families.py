"""Which family's tool format a chat template speaks, for models that say it nowhere else.

mlx-lm has the readers. Its package brings MLX and transformers along, two seconds and 60 MB that
another engine has no use for, so its plain modules are loaded by themselves.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from inference.worker.dialect import ToolFormat

# In this order: a later mark may stand in an earlier family's template as well.
MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("minimax_m2", ("<minimax:tool_call>",)),
    ("gemma4", ("<|tool_call>", "<tool_call|>")),
    ("function_gemma", ("<start_function_call>",)),
    ("longcat", ("<longcat_tool_call>",)),
    ("glm47", ("<arg_key>",)),
    ("pythonic", ("<|tool_list_start|>",)),
    ("pythonic", ("<|tool_call_start|>",)),
    ("qwen3_coder", ("<tool_call>\\n<function=",)),
    ("qwen3_coder", ("<tool_call>\n<function=",)),
    ("kimi_k2", ("<|tool_calls_section_begin|>",)),
    ("minicpm5", ('<function name="', '<param name="')),
    ("mistral", ("[TOOL_CALLS]",)),
    ("muse_spark", ("<atem:function_calls>",)),
    ("json_tools", ("<tool_call>", "tool_call.name")),
)
PACKAGE = "cortex_tool_parsers"


def family_of(template: str) -> str:
    """The family's name in mlx_lm.tool_parsers; "" for a template that knows no tool calls."""
    for family, marks in MARKS:
        if all(mark in template for mark in marks):
            return family
    return ""


@cache
def format_load(family: str) -> ToolFormat:
    """The markers and the reader of a family. Raises ImportError where mlx-lm is not installed."""
    if PACKAGE not in sys.modules:
        _package_make()
    module = import_module(f"{PACKAGE}.{family}")
    return ToolFormat(module.tool_call_start, module.tool_call_end or "", module.parse_tool_call)


def _package_make() -> None:
    """The folder of mlx_lm's readers under a name of its own; finding mlx_lm does not run it."""
    spec = find_spec("mlx_lm")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise ImportError("mlx-lm is not installed")
    folder = Path(folders[0]) / "tool_parsers"
    package = spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert package is not None
    sys.modules[PACKAGE] = module_from_spec(package)
