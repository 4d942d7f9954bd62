"""The sandbox's child on a kernel whose system calls cannot be filtered."""

from __future__ import annotations

import errno

from tooling.sandboxed import python, seccomp
from tooling.sandboxed.channel import Channel
from tooling.sandboxed.lockdown import Limits


def main(channel: Channel, limits: Limits, parent: int) -> None:
    seccomp.restrict = _refuse
    python.main(channel, limits, parent)


def _refuse() -> None:
    raise OSError(errno.EINVAL, "Invalid argument")
