"""The operating system's layer: what a child gives up, for good, before it sees untrusted input."""

from __future__ import annotations

import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any

NICENESS = 10  # untrusted work gives way to pages


class Refused(Exception):
    """The layer cannot be had here, so nothing untrusted may run."""


@dataclass(frozen=True)
class ResourceLimits:
    """`memory` in bytes of address space; `cpu_seconds` of the process from start to end."""

    memory: int
    cpu_seconds: int


def confine(limits: ResourceLimits, *, parent: int) -> dict[str, Any]:
    """Give up everything but computing; import what is needed before. Returns what holds.

    On macOS `sandbox-exec` confined the process before it started; only the limits are left to set.
    """
    os.nice(NICENESS)
    if sys.platform == "darwin":
        set_limits(limits)
        return {"layers": ["sandbox-exec"]}
    if sys.platform != "linux":
        raise Refused(f"There is no sandbox for {sys.platform}.")
    return {"layers": _confine_linux(limits, parent)}


def _confine_linux(limits: ResourceLimits, parent: int) -> list[str]:
    from tooling.jail import kernel, landlock, seccomp  # they exist on Linux only

    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        abi = landlock.restrict()
        set_limits(limits)
        seccomp.restrict()
    except OSError as error:
        raise Refused(f"The kernel refused to confine the process: {error}.") from error
    return [f"landlock {abi}", "seccomp"] if abi else ["seccomp"]


def set_limits(limits: ResourceLimits) -> None:
    """No file grows, no core, no process, no descriptor beyond those that are open."""
    for kind, value in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        _lower(kind, value)


def _lower(kind: int, value: int) -> None:
    """Set both limits; macOS refuses some (address space), and there the parent watches alone."""
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):
        if sys.platform != "darwin":
            raise
