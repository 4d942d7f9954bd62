"""The parent's side of one confined child: start it, talk to it, end it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from tooling.jail.channel import HEADER
from tooling.jail.lockdown import ResourceLimits
from tooling.sandbox.command import Program, command
from tooling.sandbox.watch import ChildReply, Ending, Watch

SEND_SECONDS = 5.0  # for a child that does not read


class Child:
    """A process in a session of its own, with an empty environment and no folder to stand in."""

    def __init__(self, program: Program, limits: ResourceLimits, *, max_output: int) -> None:
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
        self._usage = psutil.Process(self.process.pid)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def resident(self) -> int:
        """Bytes of memory in use. It is alone in its group, since it cannot start a process."""
        try:
            return int(self._usage.memory_info().rss)
        except psutil.Error:  # it is gone
            return 0

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; raises OSError when the child is gone or does not read."""
        data = json.dumps(message).encode()
        self.socket.settimeout(SEND_SECONDS)
        self.socket.sendall(len(data).to_bytes(HEADER, "big") + data)

    def receive(self, timeout: float, cancelled: Callable[[], bool] = lambda: False) -> ChildReply:
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
