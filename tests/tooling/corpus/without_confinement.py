"""The sandbox's child without the operating system's layer: the policy alone."""

from __future__ import annotations

from tooling.sandboxed import python
from tooling.sandboxed.channel import Channel
from tooling.sandboxed.lockdown import Limits


def main(channel: Channel, limits: Limits, parent: int) -> None:
    python.confine = lambda limits, parent: {"layers": []}
    python.main(channel, limits, parent)
