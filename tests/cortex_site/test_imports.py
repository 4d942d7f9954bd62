"""What the web process must not carry: it would start slowly and never give the memory back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server import ROOT, environment

LOADED = "import sys, cortex_site.asgi; print(*sys.modules)"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All modules that are loaded once the server's application stands."""
    env = environment(tmp_path_factory.mktemp("data"), {})
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "name", ["mlx", "mlx_lm", "llguidance", "transformers", "numpy", "sympy", "openai", "ddgs.ddgs"]
)
def test_heavy_modules_wait_until_they_are_needed(modules: set[str], name: str) -> None:
    assert name not in modules
