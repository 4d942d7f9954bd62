"""The model answers on processors that are plainer than this one, emulated by QEMU."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from inference.engines.base import EngineConfig
from inference.engines.worker.engine import WorkerEngine
from inference.mlx_worker.blas import renamed_library
from inference.types import GenerationRequest, Sampling
from tests.inference.conftest import no_progress
from tests.inference.mlx_worker.fixtures import gguf_path
from tests.inference.mlx_worker.test_blas import DIES, spoiled

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(900),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the processors are x86-64"),
]


@pytest.fixture
def emulated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> str:
    """Python processes that are started now run on the processor that the test is marked with."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("no QEMU on this machine: install the package `qemu-user`")
    python, real = tmp_path / "bin" / "python", os.path.realpath(sys.executable)
    python.parent.mkdir()
    # One core: threads that wait for each other stand still for minutes beside another program.
    core = min(os.sched_getaffinity(0))
    emulator = f"taskset -c {core} {qemu} -cpu {request.param} -0 {python} {real}"
    python.write_text(f'#!/bin/sh\nexec {emulator} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "lib").symlink_to(Path(sys.prefix) / "lib")
    shutil.copyfile(Path(sys.prefix) / "pyvenv.cfg", tmp_path / "pyvenv.cfg")
    monkeypatch.setattr(sys, "executable", str(python))
    return str(request.param)


def first_words(engine: WorkerEngine) -> str:
    request = GenerationRequest(prompt="A B C D", max_tokens=1, sampling=Sampling(temperature=0))
    return "".join(delta.text for delta in engine.stream(request))


@pytest.mark.parametrize("emulated", ["Haswell", "Nehalem"], indirect=True)
def test_the_embedded_model_answers(
    emulated: str, embedded_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Haswell has AVX2 and no AVX-512; Nehalem has not even AVX."""
    engine = WorkerEngine(EngineConfig(model="m", path=str(embedded_folder)))
    try:
        description = engine.load(no_progress)
        assert f"({emulated} kernels)" in description.runtime
        assert description.runtime_notes == ()
        assert first_words(engine) == " E"
    finally:
        engine.unload()


def on_llamacpp(folder: Path) -> WorkerEngine:
    options = {"converted": str(folder)}
    return WorkerEngine(
        EngineConfig(model="m", path=str(gguf_path()), engine="llamacpp", options=options)
    )


@pytest.mark.parametrize("emulated", ["Haswell"], indirect=True)
def test_llama_cpp_answers(emulated: str, embedded_folder: Path) -> None:
    engine = on_llamacpp(embedded_folder)
    try:
        description = engine.load(no_progress)
        assert "llama.cpp" in description.runtime
        assert first_words(engine) == " E"
    finally:
        engine.unload()


@pytest.mark.parametrize("emulated", ["Nehalem"], indirect=True)
def test_mlx_answers_where_llama_cpp_cannot_run(emulated: str, embedded_folder: Path) -> None:
    engine = on_llamacpp(embedded_folder)
    try:
        description = engine.load(no_progress)
        assert "MLX" in description.runtime
        assert (
            "llama.cpp does not run here: its process was killed by SIGILL"
            in (description.runtime_notes[0])
        )
        assert first_words(engine) == " E"
    finally:
        engine.unload()


@pytest.mark.parametrize("emulated", ["Nehalem"], indirect=True)
def test_it_answers_without_a_candidate_that_dies(
    emulated: str, embedded_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cortex" / "native"
    folder.mkdir(mode=0o700, parents=True)
    library = renamed_library(folder)
    spoiled(library, DIES, tmp_path).replace(library)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = WorkerEngine(EngineConfig(model="m", path=str(embedded_folder)))
    try:
        description = engine.load(no_progress)
        assert "reference BLAS" in description.runtime
        assert "SIGILL" in description.runtime_notes[0]
        assert first_words(engine) == " E"
    finally:
        engine.unload()
