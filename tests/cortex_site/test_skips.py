"""A skip says why; on CI a real part that is missing is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT

SKIPPED = """
import pytest

@pytest.mark.{marker}
def test_something():
    pytest.skip("there is no such thing here")
"""


@pytest.mark.parametrize(
    ("marker", "ci", "code"),
    [("live", "true", 1), ("browser", "true", 1), ("model", "true", 1), ("live", "", 0),
     ("services", "true", 1), ("services", "", 0)],
)  # fmt: skip
def test_skips(tmp_path: Path, marker: str, ci: str, code: int) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(SKIPPED.format(marker=marker))
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir", str(ROOT)]
    options = ["-p", "no:cacheprovider", str(file)]
    env = {**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""}
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run([*command, *options], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert "there is no such thing here" in done.stdout
