"""Real servers for tests: `manage.py serve` in a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
LISTENING = re.compile(r"Cortex is at (http://(\S+):(\d+))")
START_SECONDS, STOP_SECONDS = 120, 20

# What a developer's shell may have set, and a test must not depend on.
CLEARED = (
    "HOST",
    "DEBUG",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "LOG_LEVEL",
    "PROMPT_CACHE_LIMIT",
    "PROMPT_CACHE_DIR",
)


def environment(data: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """The variables of a test server. MODEL_CACHE_DIR comes from tests.settings: it is shared."""
    inherited = {name: value for name, value in os.environ.items() if name not in CLEARED}
    own = {
        "DJANGO_SETTINGS_MODULE": "cortex_site.settings",
        "DATA_DIR": str(data),
        "HF_HOME": str(data / "huggingface"),
        "PORT": "0",
        "PROMPT_CACHE_DISK_LIMIT": "256M",
        "PYTHONUNBUFFERED": "1",
    }
    return {**inherited, **own, **overrides}


class ServerDied(Exception):
    """The server ended, or did not listen in time; the text is its log."""


class CortexServer:
    """One server and its data folder; both outlive a `kill` and come back with `restart`."""

    def __init__(self, data: Path, env: Mapping[str, str], args: Sequence[str]) -> None:
        self.data = data
        self.env = environment(data, env)
        self.args = list(args)
        self.port = ""
        self.url = ""
        self.ws_url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._log = data / "server.log"
        data.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        """All that it has printed, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def launch(self) -> None:
        """Start the process without waiting for it to listen."""
        port = ["--port", self.port] if self.port else []
        command = [sys.executable, "manage.py", "serve", *port, *self.args]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own, as in a terminal
            )

    def start(self) -> CortexServer:
        """Start, and wait until it listens."""
        before = len(self.log())
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := LISTENING.search(self.log(), before):
                self.url, self.port = found[1], found[3]
                self.ws_url = self.url.replace("http", "ws", 1)
                return self
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise ServerDied(self.log()[before:])

    def active_requests(self) -> int:
        """How many requests the models are working on."""
        models = requests.get(f"{self.url}/api/models", timeout=60).json()["models"]
        return sum(model["active_requests"] for model in models)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as a person would; gives its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it with SIGKILL: nothing is tidied up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> CortexServer:
        """Start again on the same data and port (after `kill` or `stop`, or while it runs)."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        return self.start()


class ServerFactory:
    """Servers of one test; all are ended with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[CortexServer] = []

    def make(self, env: Mapping[str, str] | None = None, args: Sequence[str] = ()) -> CortexServer:
        """A server that has not been started."""
        data = self.folder / f"server-{len(self.servers)}"
        server = CortexServer(data, env or {}, args)
        self.servers.append(server)
        return server

    def start(self, env: Mapping[str, str] | None = None, args: Sequence[str] = ()) -> CortexServer:
        """A server that listens."""
        return self.make(env, args).start()

    def log(self) -> str:
        return "\n".join(server.log() for server in self.servers)

    def close(self) -> None:
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.stop()
