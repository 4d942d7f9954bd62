"""Landlock: a ruleset without any rule, so that every file, TCP port and outside process is denied.

What the running kernel knows is handled; its version is the ABI (1: files, 4: TCP, 6: signals and
abstract sockets). https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os

from tooling.jail.kernel import syscall

CREATE_RULESET, RESTRICT_SELF = 444, 446  # the same numbers on every architecture
CREATE_RULESET_VERSION = 1
NO_RULES = ctypes.c_size_t(0)

FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # ABI -> how many of the rights' bits it knows
TCP_BIND_AND_CONNECT = 0b11
SIGNALS_AND_ABSTRACT_SOCKETS = 0b11


class Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr"""

    _fields_ = [
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


def version() -> int:
    """Give the kernel's Landlock ABI; 0 where it has none, or has it switched off."""
    try:
        return syscall(CREATE_RULESET, None, NO_RULES, ctypes.c_uint(CREATE_RULESET_VERSION))
    except OSError:
        return 0


def restrict() -> int:
    """Deny this process all that Landlock can deny, for good. Returns the ABI, 0 for none."""
    abi = version()
    if abi == 0:
        return 0
    ruleset = Ruleset(handled_access_fs=_file_rights(abi))
    if abi >= 4:
        ruleset.handled_access_net = TCP_BIND_AND_CONNECT
    if abi >= 6:
        ruleset.scoped = SIGNALS_AND_ABSTRACT_SOCKETS
    size = ctypes.c_size_t(8 if abi < 4 else 16 if abi < 6 else 24)
    descriptor = syscall(CREATE_RULESET, ctypes.byref(ruleset), size, ctypes.c_uint(0))
    syscall(RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint(0))
    os.close(descriptor)
    return abi


def _file_rights(abi: int) -> int:
    known = max(bits for since, bits in FILE_RIGHTS.items() if since <= abi)
    return int((1 << known) - 1)
