"""As bare.py, on a kernel that has no Landlock: the system call filter alone."""

from __future__ import annotations

from tests.tooling.corpus import bare
from tooling.jail import landlock
from tooling.jail.channel import Channel
from tooling.jail.lockdown import ResourceLimits


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    landlock.version = lambda: 0
    bare.main(channel, limits, parent)
