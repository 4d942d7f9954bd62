"""Seccomp: the system calls that computing needs; every other one fails with EPERM.

The filter is a classic BPF program over `struct seccomp_data` (nr at 0, arch at 4, arguments from
16). There is no call in it that opens, connects, forks, signals or changes limits, so it holds
alone where Landlock is missing. Memory can be mapped, but never as executable.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from dataclasses import dataclass

from tooling.jail.kernel import syscall

SET_MODE_FILTER, GET_ACTION_AVAIL = 1, 2
KILL_PROCESS, ALLOW = 0x8000_0000, 0x7FFF_0000
DENY = 0x0005_0000 | errno.EPERM
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld abs, jeq, jset, ret
NR, ARCH, THIRD_ARGUMENT = 0, 4, 32  # offsets; the argument's low half on little-endian machines
PROT_EXEC = 4


@dataclass(frozen=True)
class Machine:
    """The kernel's numbers on one architecture."""

    audit_arch: int
    seccomp: int
    mapping: tuple[int, ...]  # mmap, mprotect: their third argument is the protection
    allowed: tuple[int, ...]


# read write close lseek munmap brk mremap madvise futex getrandom, signal masks and return, clocks
# and sleeping, setitimer, sched_yield, getpid gettid, restart_syscall, exit exit_group.
X86_64 = Machine(
    audit_arch=0xC000_003E,
    seccomp=317,
    mapping=(9, 10),
    allowed=(
        *(0, 1, 202, 3, 8, 11, 12, 25, 28, 318),
        *(14, 15, 131),
        *(35, 38, 96, 201, 228, 229, 230),
        *(24, 39, 186, 219, 60, 231),
    ),
)
ARM64 = Machine(
    audit_arch=0xC000_00B7,
    seccomp=277,
    mapping=(222, 226),
    allowed=(
        *(63, 64, 98, 57, 62, 215, 214, 216, 233, 278),
        *(135, 139, 132),
        *(101, 103, 169, 113, 114, 115),
        *(124, 172, 178, 128, 93, 94),
    ),
)
MACHINES = {"x86_64": X86_64, "aarch64": ARM64, "arm64": ARM64}


class Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def machine() -> Machine | None:
    """Tell which machine this is, if the filter knows it (a 32-bit interpreter has other
    numbers)."""
    return MACHINES.get(platform.machine()) if struct.calcsize("P") == 8 else None


def available() -> bool:
    """Whether the kernel can filter system calls here."""
    here = machine()
    if here is None:
        return False
    action = ctypes.c_uint32(DENY & 0xFFFF_0000)
    try:
        syscall(here.seccomp, ctypes.c_uint(GET_ACTION_AVAIL), ctypes.c_uint(0), _at(action))
    except OSError:
        return False
    return True


def restrict() -> None:
    """Put the filter on this process, for good. Raises OSError when that cannot be done."""
    here = machine()
    if here is None:
        raise OSError(errno.ENOSYS, f"no system call table for {platform.machine()}")
    code = assemble(here)
    program = Program(len(code) // 8, code)
    syscall(here.seccomp, ctypes.c_uint(SET_MODE_FILTER), ctypes.c_uint(0), _at(program))


def assemble(here: Machine) -> bytes:
    """Assemble the BPF program: struct sock_filter (code, jump if true, jump if false, k), eight
    bytes each.

    A jump of 1 skips the instruction that follows.
    """
    steps = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, here.audit_arch), (RETURN, 0, 0, KILL_PROCESS)]
    steps.append((LOAD, 0, 0, NR))
    for number in here.allowed:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for number in here.mapping:
        steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, THIRD_ARGUMENT)]
        steps += [(ANY_BIT, 1, 0, PROT_EXEC), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, DENY)]
    steps.append((RETURN, 0, 0, DENY))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _at(value: ctypes.Structure | ctypes.c_uint32) -> object:
    return ctypes.byref(value)
