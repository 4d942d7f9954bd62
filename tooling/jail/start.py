"""How a child begins. Its arguments: the channel's descriptor, bytes of memory, seconds of CPU, the
parent's pid, and the program: a module with `main(channel, limits, parent)`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import cast

from tooling.jail.channel import Channel
from tooling.jail.lockdown import ResourceLimits


def start(descriptor: str, memory: str, cpu_seconds: str, parent: str, program: str) -> None:
    limits = ResourceLimits(memory=int(memory), cpu_seconds=int(cpu_seconds))
    # A line is out when it is printed: what was printed before a kill is still the program's.
    cast(TextIOWrapper, sys.stdout).reconfigure(line_buffering=True, errors="backslashreplace")
    with suppress(EOFError):  # the parent is gone, or wants nothing more
        import_module(program).main(Channel(int(descriptor)), limits, int(parent))
    os._exit(0)
