"""Packages that bring tools: built as wheels and installed by pip, as anybody's would be."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

TOOL = """
from tooling.base import BaseTool, ToolParameter, ToolResult


class ShoutTool(BaseTool):
    @property
    def name(self):
        return "shout"

    @property
    def description(self):
        return "Say it louder"

    @property
    def parameters(self):
        return {"text": ToolParameter(name="text", type="string", description="What to say")}

    def execute(self, text):
        return ToolResult(success=True, result=text.upper() + "!")
"""

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]


def install(folder: Path, name: str, entry_points: dict[str, str], modules: dict[str, str]) -> Path:
    """Build a wheel of these modules and install it; returns what goes on PYTHONPATH."""
    target = folder / "site"
    subprocess.run(
        [*PIP, "--target", target, wheel(folder, name, entry_points, modules)],
        check=True,
        timeout=120,
    )
    return target


def wheel(folder: Path, name: str, entry_points: dict[str, str], modules: dict[str, str]) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    points = "\n".join(f"{key} = {value}" for key, value in entry_points.items())
    info = f"{name}-1.0.dist-info"
    files = {f"{module}.py": source for module, source in modules.items()}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = f"[cortex.tools]\n{points}\n"
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return path
