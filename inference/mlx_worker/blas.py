"""Give MLX on a Linux CPU a fast BLAS that is proven on this very processor.

MLX's Linux wheel links the reference BLAS: half the decode speed, a tenth of the prefill speed.
The dynamic linker takes a symbol from the first library in the global scope, so loading a faster
one with RTLD_GLOBAL *before* mlx is imported replaces it. macOS has Accelerate and Metal and
needs none.

A native library may be compiled for another processor, and then the first product ends the process
with SIGILL. So each candidate first multiplies known numbers through MLX in a throw-away child
(`python -m inference.mlx_worker.blas FILE`); one that is missing, dies, hangs or is wrong is passed
over.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "reference BLAS"
OPENBLAS = "OpenBLAS"
# NumPy's own build of OpenBLAS: it chooses its kernels at run time. Its names bear a prefix.
WHEEL, LIBRARY = "scipy-openblas32", "scipy_openblas32/lib/libscipy_openblas.so"
PREFIXED = re.compile(rb"(?<=\0)scipy_([A-Za-z0-9_]+)(?=\0)")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
PROBE_SECONDS = 60.0  # a product takes milliseconds; an emulated or overloaded machine takes longer
PATCH_SECONDS = 60.0


class BlasUnusable(Exception):
    """This candidate cannot serve here; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which BLAS computes, in words, and why better ones do not."""

    name: str
    passed_over: tuple[str, ...] = ()


class Blas:
    """A loaded BLAS, whose threads give way to other work on the machine.

    BLAS threads wait for each other spinning. When other processes keep a core busy, one late
    thread holds up all the rest: two threads on two busy cores decode ten times slower than one.
    """

    def __init__(self, choice: Choice, set_threads: Callable[[int], Any] | None = None) -> None:
        self.choice = choice
        self._set_threads = set_threads
        if set_threads is None or any(name in os.environ for name in THREAD_VARIABLES):
            self._set_threads = None  # it has no threads, or somebody has fixed their number
            return
        self.cores = len(os.sched_getaffinity(0))
        self.threads = self.cores
        self._seen = _cpu_seconds()

    def adapt(self) -> None:
        """Use the cores that others left alone since the last call. Call about once a second."""
        if self._set_threads is None:
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
    times = psutil.cpu_times()
    busy = times.user + times.nice + times.system + times.irq + times.softirq
    return busy, time.process_time(), time.monotonic()


# --- Choosing ------------------------------------------------------------------------------------


def blas_load(*, plain: bool = False) -> Blas:
    """Load the fastest BLAS that is right on this processor. Call before mlx is imported.

    With `plain` nothing is loaded, and MLX computes with what its wheel brings. A BLAS that the
    user put into LD_PRELOAD is left to win.
    """
    if not sys.platform.startswith("linux"):
        return Blas(Choice("Accelerate"))
    if "mlx.core" in sys.modules:
        raise RuntimeError("the BLAS must be loaded before mlx is imported")
    preloaded = os.environ.get("LD_PRELOAD", "")
    if plain:
        blas = Blas(Choice(REFERENCE, (f"{OPENBLAS}: the plainest set-up was asked for",)))
    elif "blas" in preloaded or "mkl" in preloaded:
        blas = Blas(Choice(f"as LD_PRELOAD says: {preloaded}"))
    else:
        blas = _fast_or_reference()
    for reason in blas.choice.passed_over:
        logger.warning("BLAS: passed over: %s", reason)
    logger.info("BLAS: %s", blas.choice.name)
    return blas


def _fast_or_reference() -> Blas:
    try:
        path = renamed_library(cache_folder())
        try:
            kernels = probe(path)
        except BlasUnusable:
            path.unlink(missing_ok=True)  # it may be damaged: the next start makes it anew
            raise
        library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except (BlasUnusable, OSError) as error:
        return Blas(Choice(REFERENCE, (f"{OPENBLAS}: {error}",)))
    name = f"{OPENBLAS} {importlib.metadata.version(WHEEL)} ({kernels} kernels)"
    return Blas(Choice(name), library.openblas_set_num_threads)


# --- Taking the prefix off -----------------------------------------------------------------------


def cache_folder() -> Path:
    """A folder of this user's own: what lies in it is run. Raises OSError, or BlasUnusable when
    others may write into it."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = base / "cortex" / "native"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise BlasUnusable(f"others may write into {folder}; set XDG_CACHE_HOME to a private place")
    return folder


def renamed_library(folder: Path) -> Path:
    """The OpenBLAS of the wheel under the names that MLX asks for, made in `folder` once a version.

    Raises BlasUnusable when the wheel or `patchelf` is missing or fails.
    """
    source = _installed(WHEEL, LIBRARY)
    target = folder / f"openblas-{importlib.metadata.version(WHEEL)}-{os.uname().machine}.so"
    if not target.exists():
        _rename_symbols(source, target)
    return target


def _installed(distribution: str, name: str) -> Path:
    """The file of that name (its path's end) among those that a distribution installed."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise BlasUnusable(f"the package {distribution} is not installed") from None
    for file in files:
        path = Path(str(file.locate()))
        if str(file).endswith(name) and path.is_file():
            return path
    raise BlasUnusable(f"the package {distribution} has no {name} for this machine")


def _rename_symbols(source: Path, target: Path) -> None:
    """Write a copy without the prefix, beside the target and then moved into place: another process
    never sees half of it."""
    patchelf = _installed("patchelf", "patchelf")
    names = sorted(set(PREFIXED.findall(source.read_bytes())))
    with tempfile.TemporaryDirectory(dir=target.parent) as workshop:
        renaming, copy = Path(workshop, "names"), Path(workshop, "library.so")
        renaming.write_bytes(b"".join(b"scipy_%s %s\n" % (name, name) for name in names))
        shutil.copyfile(source, copy)
        command = [str(patchelf), "--rename-dynamic-symbols", str(renaming), str(copy)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=PATCH_SECONDS)
        except subprocess.CalledProcessError as error:
            told = error.stderr.decode(errors="replace").strip()
            raise BlasUnusable(f"patchelf failed ({error.returncode}): {told}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BlasUnusable(f"patchelf failed: {error}") from error
        os.replace(copy, target)


# --- Trying it -----------------------------------------------------------------------------------


def probe(path: Path, seconds: float = PROBE_SECONDS) -> str:
    """Try the library in a child process; returns the kernels that it chose, such as "Haswell".

    Raises BlasUnusable: killed, hung, wrong numbers, or not a BLAS at all.
    """
    command = [sys.executable, "-m", "inference.mlx_worker.blas", str(path)]
    try:
        child = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise BlasUnusable(f"the trial gave no result within {seconds:.0f} s") from None
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise BlasUnusable(f"the trial was killed by {name}: it is not made for this processor")
    with contextlib.suppress(ValueError, KeyError):
        result = json.loads(child.stdout)
        if child.returncode == 0:
            return str(result["kernels"])
        raise BlasUnusable(str(result["error"]))
    told = child.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise BlasUnusable(f"the trial failed: {told[-1]}")


def _try(path: str) -> str:
    """In the child: multiply through MLX with this library, compare, and tell its kernels."""
    try:
        library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        kernels = library.openblas_get_corename
    except (OSError, AttributeError) as error:
        raise BlasUnusable(str(error)) from error
    kernels.restype = ctypes.c_char_p
    if not _products_right():
        raise BlasUnusable("the trial gave wrong numbers")
    return str(kernels().decode())


def _products_right() -> bool:
    """A matrix times a matrix and times a vector, of small whole numbers: exact in float32."""
    import mlx.core as mx

    size = 64
    left = [[(7 * i + 3 * j) % 11 - 5 for j in range(size)] for i in range(size)]
    right = [[(5 * i + 2 * j) % 13 - 6 for j in range(size)] for i in range(size)]
    columns = list(zip(*right, strict=True))
    expected = [[sum(map(int.__mul__, row, column)) for column in columns] for row in left]
    a, b = mx.array(left, mx.float32), mx.array(right, mx.float32)
    return bool((a @ b).tolist() == expected and (a[:1] @ b).tolist() == expected[:1])


def main(path: str) -> int:
    """The throw-away child: one line of JSON, `{"kernels"}` or `{"error"}`."""
    try:
        print(json.dumps({"kernels": _try(path)}), flush=True)
    except BlasUnusable as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # No clean-up of a library that may be broken: its exit handlers are not to be trusted either.
    sys.stdout.flush()
    os._exit(main(sys.argv[1]))
