"""System check: can untrusted code be confined on this machine? Importing it registers it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from tooling.sandbox.command import SANDBOX_EXEC

HINT = "The tools python_repl and calculator refuse to run here; everything else works."


@register()
def confinement(**kwargs: Any) -> list[CheckMessage]:
    if sys.platform == "linux":
        return _linux()
    if sys.platform == "darwin":
        return [] if SANDBOX_EXEC.exists() else [_missing(f"{SANDBOX_EXEC} is missing")]
    return [_missing(f"there is no sandbox for {sys.platform}")]


def _linux() -> list[CheckMessage]:
    from tooling.jail import landlock, seccomp  # they call the Linux kernel

    if not seccomp.available():
        return [_missing("the kernel does not filter system calls (seccomp) on this machine")]
    if landlock.version() == 0:
        return [
            Warning(
                "Untrusted code is confined by seccomp alone: the kernel has no Landlock.",
                hint="Linux 5.13 or later with Landlock enabled adds a second barrier.",
                id="tooling.W010",
            )
        ]
    return []


def _missing(reason: str) -> Error:
    return Error(f"Untrusted code cannot be confined: {reason}.", hint=HINT, id="tooling.E010")
