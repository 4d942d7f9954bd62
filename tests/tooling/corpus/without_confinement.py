"""The sandbox's child without the operating system's layer: the policy alone."""

from __future__ import annotations

from tooling.jail import python
from tooling.jail.channel import Channel
from tooling.jail.lockdown import ResourceLimits


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    python.confine = lambda limits, parent: {"layers": []}
    python.main(channel, limits, parent)
