"""Give MLX on a Linux CPU a fast BLAS.

MLX's Linux wheel links the reference BLAS: half the decode speed, a tenth of the prefill speed.
The dynamic linker takes a symbol from the first library in the global scope, so loading a faster
one with RTLD_GLOBAL *before* mlx is imported replaces it. macOS has Accelerate and Metal and
needs none.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

# Distribution, the shared object in it, its function that sets the number of threads, the name
# for people; the fastest first.
CANDIDATES = (
    ("mkl", "libmkl_rt.so", "MKL_Set_Num_Threads", "Intel MKL"),
    ("cmeel-openblas", "libopenblas.so", "openblas_set_num_threads", "OpenBLAS"),
)
FORTRAN = "libgfortran.so.5"
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


class Blas:
    """A loaded BLAS, whose threads give way to other work on the machine.

    BLAS threads wait for each other spinning. When other processes keep a core busy, one late
    thread holds up all the rest: two threads on two busy cores decode ten times slower than one.
    """

    def __init__(self, name: str, set_threads: Callable[[int], Any]) -> None:
        self.name = name
        self.cores = len(os.sched_getaffinity(0))
        self.threads = self.cores
        self._set_threads = set_threads
        self._is_fixed = any(name in os.environ for name in THREAD_VARIABLES)
        self._seen = _cpu_seconds()

    def adapt(self) -> None:
        """Use the cores that others left alone since the last call. Call about once a second."""
        if self._is_fixed:
            return
        (busy, own, now), (busy_before, own_before, before) = _cpu_seconds(), self._seen
        if now - before < 0.1:
            return
        self._seen = (busy, own, now)
        others = max((busy - busy_before) - (own - own_before), 0.0) / (now - before)
        threads = max(1, min(self.cores, int(self.cores - others + 0.5)))
        if threads != self.threads:
            self.threads = threads
            self._set_threads(threads)


def _cpu_seconds() -> tuple[float, float, float]:
    """Time that all cores and this process have been busy, and the clock, in seconds."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, file.readline().split()[1:])
    busy = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return busy, time.process_time(), time.monotonic()


def blas_load() -> Blas | None:
    """Load the best BLAS that is installed; None where none is wanted, or none is there.

    A BLAS that the user put into LD_PRELOAD is left to win.
    """
    if not sys.platform.startswith("linux"):
        return None
    preload = os.environ.get("LD_PRELOAD", "")
    if "blas" in preload or "mkl" in preload:
        logger.info("BLAS: as LD_PRELOAD says")
        return None
    if "mlx.core" in sys.modules:
        raise RuntimeError("the BLAS must be loaded before mlx is imported")
    for distribution, file_name, setter, name in CANDIDATES:
        path = _find(distribution, file_name)
        library = None if path is None else _load(path)
        if library is not None:
            logger.info("BLAS: %s", name)
            return Blas(name, getattr(library, setter))
    logger.warning("BLAS: no fast one could be loaded; generation will be slow")
    return None


def _find(distribution: str, prefix: str) -> Path | None:
    """The file with the shortest name that starts so, among those a distribution installed."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    named = sorted((f for f in files if f.name.startswith(prefix)), key=lambda f: len(f.name))
    paths = (Path(str(file.locate())) for file in named)
    return next((path for path in paths if path.is_file()), None)


def _load(path: Path) -> ctypes.CDLL | None:
    try:
        try:
            return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            if FORTRAN not in str(error):
                raise
            _fortran_provide()
            return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        logger.warning("BLAS: %s cannot be loaded: %s", path.name, error)
        return None


def _fortran_provide() -> None:
    """Stand in for a system without the Fortran runtime that OpenBLAS asks for by name.

    MLX's own wheel brings that runtime under a name of its own. A copy in memory that bears the
    usual name satisfies OpenBLAS; nothing is written to disk.
    """
    runtime = _find("mlx-cpu", "libgfortran-")
    quadmath = _find("mlx-cpu", "libquadmath-")
    if runtime is None or quadmath is None:
        raise OSError(f"{FORTRAN} is not installed")
    ctypes.CDLL(str(quadmath))
    own_name = runtime.name.encode() + b"\0"
    image = runtime.read_bytes().replace(own_name, FORTRAN.encode().ljust(len(own_name), b"\0"))
    descriptor = os.memfd_create(FORTRAN)
    with os.fdopen(descriptor, "wb") as file:
        file.write(image)
        file.flush()
        ctypes.CDLL(f"/proc/self/fd/{descriptor}")
