"""The parent's side of one confined child: start it, talk to it, end it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tooling.sandbox.command import Program, command
from tooling.sandbox.watch import Ending, Reply, Watch
from tooling.sandboxed.channel import HEADER
from tooling.sandboxed.lockdown import Limits

SEND_SECONDS = 5.0  # for a child that does not read


class Child:
    """A process in a session of its own, with an empty environment and no folder to stand in."""

    def __init__(self, program: Program, limits: Limits, *, max_output: int) -> None:
        """Starts it and does not wait. The thread that does this must outlive the child: Linux
        sends the parent-death signal when that thread ends."""
        self.limits = limits
        self.max_output = max_output
        self.confined = False  # until it has said so
        self.socket, far_end = socket.socketpair()
        with far_end, tempfile.TemporaryDirectory() as folder:
            # The folder is gone before the program runs: nothing can ever be made in it.
            self.process = subprocess.Popen(
                command(program, limits, far_end.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(far_end.fileno(),),
                cwd=folder,
                env={},
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def resident(self) -> int:
        """Bytes of memory in use. It is alone in its group, since it cannot start a process."""
        if sys.platform == "linux":
            try:
                pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
            except (OSError, IndexError):  # it is gone
                return 0
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        listing = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        found = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
        return int(found) * 1024 if found.isdigit() else 0

    def send(self, message: dict[str, Any]) -> None:
        """Raises OSError when the child is gone or does not read."""
        data = json.dumps(message).encode()
        self.socket.settimeout(SEND_SECONDS)
        self.socket.sendall(len(data).to_bytes(HEADER, "big") + data)

    def receive(self, timeout: float, cancelled: Callable[[], bool] = lambda: False) -> Reply:
        """Its next message, and what it printed until then. Any other ending kills it."""
        stdout, stderr = self.process.stdout, self.process.stderr
        assert stdout is not None
        assert stderr is not None
        watch = Watch(self.socket.fileno(), stdout.fileno(), stderr.fileno(), self.max_output)
        ending = watch.until(time.monotonic() + timeout, cancelled, self._too_large)
        if ending is not Ending.ANSWERED:
            self.kill()
        return watch.reply(ending, self.process.poll())

    def kill(self) -> None:
        """End the whole group, at once and for certain."""
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):  # it is ending by itself just now
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        self.kill()
        for end in (self.socket, self.process.stdout, self.process.stderr):
            if end is not None:
                end.close()

    def _too_large(self) -> bool:
        return self.resident > self.limits.memory
