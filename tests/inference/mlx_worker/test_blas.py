"""Which BLAS computes: one that is proven on this processor, else the reference one."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.mlx_worker import blas
from inference.mlx_worker.blas import REFERENCE, BlasUnusable, probe, renamed_library

ROOT = Path(__file__).parents[3]

# Machine code at the start of the matrix product, and what then happens.
DIES, HANGS, RETURNS = {
    "x86_64": (b"\x0f\x0b", b"\xeb\xfe", b"\xc3"),
    "aarch64": (b"\x00\x00\x00\x00", b"\x00\x00\x00\x14", b"\xc0\x03\x5f\xd6"),
}.get(platform.machine(), (b"", b"", b""))

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="macOS has a BLAS of its own (Accelerate)"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenBLAS of the wheel, its names without the prefix."""
    return renamed_library(tmp_path_factory.mktemp("native"))


def spoiled(library: Path, code: bytes, folder: Path) -> Path:
    """A copy of the library whose matrix product begins with this machine code."""
    offset = _offset(library, "cblas_sgemm")
    copy = folder / "spoiled.so"
    shutil.copyfile(library, copy)
    with copy.open("r+b") as file:
        file.seek(offset)
        file.write(code)
    return copy


def _offset(library: Path, name: str) -> int:
    """Where a function begins in the library's file."""
    function = getattr(ctypes.CDLL(str(library)), name)
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, *_, path = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        if path == str(library) and start <= address < end:
            return address - start + int(offset, 16)
    raise AssertionError(f"{name} is not mapped from {library}")


def choice(**environment: str) -> tuple[str, tuple[str, ...]]:
    """What a fresh process chooses, with its reasons."""
    code = """if True:
        from inference.mlx_worker.blas import blas_load
        choice = blas_load().choice
        print(choice.name, *choice.passed_over, sep="|")
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    name, *reasons = done.stdout.strip().split("|")
    return name, tuple(reasons)


def test_the_library_is_made_once_and_computes_right(library: Path) -> None:
    made_at = library.stat().st_mtime_ns
    assert renamed_library(library.parent) == library
    assert library.stat().st_mtime_ns == made_at
    assert probe(library)
    assert os.listdir(library.parent) == [library.name]


def test_the_choice_names_version_and_kernels(tmp_path: Path) -> None:
    name, reasons = choice(XDG_CACHE_HOME=str(tmp_path))
    assert name.startswith("OpenBLAS 0.3.")
    assert "kernels" in name
    assert reasons == ()
    assert tmp_path.joinpath("cortex", "native").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not DIES, reason=f"no machine code for {platform.machine()} in this test")
@pytest.mark.parametrize(
    ("code", "reason"),
    [(DIES, "SIGILL"), (HANGS, "no result within 3 s"), (RETURNS, "wrong numbers")],
    ids=["dies", "hangs", "wrong"],
)
def test_a_bad_candidate_is_found_out(
    library: Path, tmp_path: Path, code: bytes, reason: str
) -> None:
    with pytest.raises(BlasUnusable, match=reason):
        probe(spoiled(library, code, tmp_path), seconds=3)


@pytest.mark.parametrize("content", [None, b"", b"not a library" * 100], ids=str)
def test_a_file_that_is_no_library_is_found_out(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "lib.so"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BlasUnusable, match=r"lib\.so"):
        probe(file)


@pytest.mark.skipif(not DIES, reason=f"no machine code for {platform.machine()} in this test")
def test_a_candidate_that_dies_is_passed_over(library: Path, tmp_path: Path) -> None:
    """As on a processor that the library was not made for: MLX answers all the same."""
    folder = tmp_path / "cortex" / "native"
    folder.mkdir(mode=0o700, parents=True)
    spoiled(library, DIES, folder).rename(folder / library.name)
    name, (reason,) = choice(XDG_CACHE_HOME=str(tmp_path))
    assert name == REFERENCE
    assert "SIGILL" in reason
    assert "not made for this processor" in reason
    # It could have been damaged on the disk: the next process makes it anew.
    assert choice(XDG_CACHE_HOME=str(tmp_path)) == (choice()[0], ())


def test_a_folder_that_others_write_into_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "cortex" / "native"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    name, (reason,) = choice(XDG_CACHE_HOME=str(tmp_path))
    assert name == REFERENCE
    assert "XDG_CACHE_HOME" in reason


def test_a_missing_package_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(blas, "WHEEL", "no-such-package")
    with pytest.raises(BlasUnusable, match="no-such-package is not installed"):
        renamed_library(tmp_path)


def test_a_library_that_the_user_preloads_wins(library: Path) -> None:
    name, _ = choice(LD_PRELOAD=str(library))
    assert str(library) in name
