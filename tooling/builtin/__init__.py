"""The tools that come with Cortex, one file a tool; in the web process.

Your own: a file here and a line below.
"""

from tooling.builtin.calculator import CalculatorTool
from tooling.builtin.code_generator import CodeGeneratorTool
from tooling.builtin.python_repl import PythonREPLTool
from tooling.builtin.web_search import WebSearchTool
from tooling.registry import ToolRegistry


def initialize_tools() -> ToolRegistry:
    registry = ToolRegistry()
    registry.register(CalculatorTool())
    registry.register(WebSearchTool())
    registry.register(PythonREPLTool())
    registry.register(CodeGeneratorTool())
    return registry
