"""The command that starts a confined child, on each operating system."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tooling.jail.lockdown import ResourceLimits

ROOT = Path(__file__).resolve().parents[2]  # holds the package `tooling`
SANDBOX_EXEC = Path("/usr/bin/sandbox-exec")
MACOS_LIBRARIES = [
    Path("/usr/lib"),
    Path("/System/Library"),
    Path("/System/Cryptexes"),
    Path("/System/Volumes/Preboot/Cryptexes"),
    Path("/private/var/db/dyld"),
    Path("/usr/share/zoneinfo"),
    Path("/private/var/db/timezone"),
]
BOOT = (
    "import sys; sys.path += sys.argv.pop(1).splitlines();"
    "from tooling.jail.start import start; start(*sys.argv[1:])"
)


@dataclass(frozen=True)
class Program:
    """A module with a `main` (in `tooling.jail` or `tooling.calculator`), and the folders that it
    imports from."""

    module: str
    folders: tuple[Path, ...] = (ROOT,)


def command(program: Program, limits: ResourceLimits, descriptor: int) -> list[str]:
    """`-I -S`: no environment, no user or site folders; the working folder is not on the path."""
    folders = "\n".join(map(str, program.folders))
    numbers = map(str, (descriptor, limits.memory, limits.cpu_seconds, os.getpid()))
    python = [sys.executable, "-I", "-S", "-X", "utf8", "-c", BOOT, folders, *numbers]
    return [*_prefix(program), *python, program.module]


def _prefix(program: Program) -> list[str]:
    if sys.platform != "darwin":
        return []
    return [str(SANDBOX_EXEC), "-p", macos_profile(program.folders)]


def macos_profile(folders: tuple[Path, ...]) -> str:
    """Write a profile for sandbox-exec: start this interpreter, read its libraries, and nothing
    else.

    There is no writing, network, process, signal or Mach service in it. The project's own folder
    holds settings and data, so of it only the package `tooling` can be read. The tests check this
    text; they do not run it.
    """
    base = Path(sys.base_prefix).resolve()
    executable = Path(sys.executable)
    framework = base / "Resources/Python.app/Contents/MacOS/Python"  # what its stub starts
    interpreters = {executable, executable.resolve(), framework}
    own = {ROOT / "tooling" if folder == ROOT else folder.resolve() for folder in folders}
    readable = [*sorted({Path(sys.prefix), base, *own}), *MACOS_LIBRARIES]
    return "\n".join(
        [
            "(version 1)",
            "(deny default)",
            *(f"(allow process-exec (literal {_quoted(path)}))" for path in sorted(interpreters)),
            "(allow file-read-metadata)",
            *(f"(allow file-read* (subpath {_quoted(path)}))" for path in readable),
            '(allow file-read* (literal "/") (literal "/dev/null") (literal "/dev/urandom"))',
            "(allow sysctl-read)",
        ]
    )


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
