"""Running the examples of the two founding documents as written there, but for host and port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.server import CortexServer

WRITTEN = ("localhost:8000", "localhost:5015")  # where the documents have their servers
SECONDS = 280


def run(command: list[str], folder: Path) -> str:
    """What a program prints; what it complains of is a failure."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def at(server: CortexServer, text: str) -> str:
    """The example with the address of the test's server."""
    for address in WRITTEN:
        text = text.replace(address, f"localhost:{server.port}")
    return text


def shell(server: CortexServer, folder: Path, script: str) -> str:
    """A shell example's output."""
    return run(["bash", "-eo", "pipefail", "-c", at(server, script)], folder)


def python(server: CortexServer, folder: Path, program: str) -> str:
    """A Python example's output."""
    return run([sys.executable, "-c", at(server, program)], folder)
