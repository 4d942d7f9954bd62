"""Hostile programs against the sandbox, its operating-system layer alone, and unprotected."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tooling.corpus.hostile import EXHAUSTION, HARMFUL
from tests.tooling.corpus.judge import Scene
from tooling.jail.lockdown import ResourceLimits
from tooling.sandbox.command import Program
from tooling.sandbox.pool import Pool, Terms
from tooling.sandbox.programs import TERMS, ProgramResult, run_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="judged through /proc")

TIMEOUT = 0.8  # seconds
LEEWAY = 5.0  # seconds, for a machine under load
LIMITS = ResourceLimits(memory=300 * 1024 * 1024, cpu_seconds=10)
LAYERS = {
    "sandbox": "tooling.jail.python",
    "os-alone": "tests.tooling.corpus.bare",
    "seccomp-alone": "tests.tooling.corpus.without_landlock",
    "policy-alone": "tests.tooling.corpus.without_confinement",
}
PROGRAMS = {f"{kind}:{name}": code for kind, c in HARMFUL.items() for name, code in c.items()}
ENDINGS = {f"exhaustion:{name}": code for name, code in EXHAUSTION.items()}
# What the unprotected control is tried with: all that is over in a moment and does lasting harm.
CONTROL = [name for name in PROGRAMS if not name.startswith("escapes:")]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    monkeypatch.setenv("CORTEX_CANARY", scene.secret)
    yield scene
    scene.close()


def terms(layer: str, *folders: Path) -> Terms:
    program = Program(LAYERS[layer], (*TERMS.program.folders, *folders))
    return replace(TERMS, program=program, limits=LIMITS, spare=0)


def attempt(scene: Scene, layer: str, code: str) -> ProgramResult:
    """Run it in a child of its own whose command line, and that of its forks, has the mark."""
    pool = Pool(terms(layer, Path("/nowhere") / scene.mark))
    try:
        return run_in(pool, scene.filled(code), timeout=TIMEOUT)
    finally:
        pool.close()


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("layer", ["sandbox", "os-alone"])
def test_nothing_outside_is_read_changed_or_started(scene: Scene, layer: str, name: str) -> None:
    held(scene, layer, name)


@pytest.mark.parametrize("name", [n for n in CONTROL if not n.startswith("environment:")])
def test_a_kernel_without_landlock_holds_too(scene: Scene, name: str) -> None:
    held(scene, "seccomp-alone", name)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n.startswith("escapes:")])
def test_the_policy_layer_holds_alone_what_it_is_for(scene: Scene, name: str) -> None:
    held(scene, "policy-alone", name)


def held(scene: Scene, layer: str, name: str) -> None:
    outcome = attempt(scene, layer, PROGRAMS[name])
    told = (outcome.stdout, outcome.stderr, outcome.value_repr, outcome.error)
    assert scene.misdeeds(*told) == []
    assert "sandbox did not start" not in (outcome.error or "")


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("layer", ["sandbox", "os-alone"])
def test_time_memory_and_output_are_bounded(scene: Scene, layer: str, name: str) -> None:
    pool = Pool(terms(layer, Path("/nowhere") / scene.mark))
    try:
        pool.warm()
        begun = time.monotonic()
        outcome = run_in(pool, ENDINGS[name], timeout=TIMEOUT)
        assert time.monotonic() - begun < TIMEOUT + LEEWAY
    finally:
        pool.close()
    assert scene.misdeeds() == []
    assert len(outcome.stdout) + len(outcome.stderr) <= 2 * TERMS.max_output
    assert len(outcome.value_repr or "") + len(outcome.error or "") < 4_000_000


def test_the_server_does_not_grow(scene: Scene) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("growing-list", "print-forever", "huge-value", "huge-error", "garbage-to-channel"):
        attempt(scene, "os-alone", EXHAUSTION[name])
        attempt(scene, "sandbox", EXHAUSTION[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KB


def test_an_unprotected_interpreter_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge sees harm where there is some: otherwise the tests above prove nothing."""
    fell = []
    for number, name in enumerate(CONTROL):
        folder = tmp_path / str(number)
        folder.mkdir()
        scene = Scene(folder)
        monkeypatch.setenv("CORTEX_CANARY", scene.secret)
        try:
            if scene.misdeeds(*_unprotected(scene, PROGRAMS[name])):
                fell.append(name)
        finally:
            scene.close()
    assert len(fell) >= 0.75 * len(CONTROL), sorted(set(CONTROL) - set(fell))


def _unprotected(scene: Scene, code: str) -> tuple[str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", scene.filled(code), scene.mark],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=scene.private,
    )
    try:
        return process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired as late:
        return str(late.stdout), str(late.stderr)
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
