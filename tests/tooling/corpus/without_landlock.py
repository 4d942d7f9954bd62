"""As bare.py, on a kernel that has no Landlock: the system call filter alone."""

from __future__ import annotations

from tests.tooling.corpus import bare
from tooling.sandboxed import landlock
from tooling.sandboxed.channel import Channel
from tooling.sandboxed.lockdown import Limits


def main(channel: Channel, limits: Limits, parent: int) -> None:
    landlock.version = lambda: 0
    bare.main(channel, limits, parent)
