"""The sandbox's child on a kernel whose system calls cannot be filtered."""

from __future__ import annotations

import errno

from tooling.jail import python, seccomp
from tooling.jail.channel import Channel
from tooling.jail.lockdown import ResourceLimits


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    seccomp.restrict = _refuse
    python.main(channel, limits, parent)


def _refuse() -> None:
    raise OSError(errno.EINVAL, "Invalid argument")
