"""One model process as its parent sees it: a child, a socket pair, a reader thread."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from common.types import JSON
from inference.errors import WorkerLost

ROOT = Path(__file__).resolve().parents[3]
POLL = 1.0  # seconds between two looks at how long the child has been silent
STOP_WAIT = 3.0  # seconds that a child has to end by itself
SECRETS = ("SECRET", "TOKEN", "PASSWORD", "API_KEY", "DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: why, in words, and the name of a signal that came from elsewhere."""

    reason: str
    signal_name: str = ""


class WorkerProcess:
    """A running `python -m inference.worker`.

    `on_message` gets each message and `on_silence` the seconds since the last one, about once a
    second while nothing comes; `on_end` is called once, last. All on the reader thread. The child
    ends by itself when this process does: its end of the pair closes.
    """

    def __init__(
        self,
        *,
        engine: str,
        plain: bool,
        on_message: Callable[[JSON], None],
        on_silence: Callable[[float], None],
        on_end: Callable[[End], None],
    ) -> None:
        self._on_message, self._on_silence, self._on_end = on_message, on_silence, on_end
        self._send_lock = threading.Lock()
        self._killed_because = ""
        self._connection, self._child = _spawn(engine, plain)
        self.pid = self._child.pid
        threading.Thread(target=self._read, name=f"worker {self.pid}", daemon=True).start()

    def send(self, message: JSON) -> None:
        """Raises WorkerLost when the child is gone."""
        data = json.dumps(message).encode()
        try:
            with self._send_lock:
                self._connection.send_bytes(data)
        except OSError as error:
            raise WorkerLost("The model's process is gone.") from error

    def kill(self, because: str = "") -> None:
        """End the child at once. Safe to call when it is gone already."""
        self._killed_because = self._killed_because or because
        self._child.kill()

    def stop(self) -> None:
        """Ask the child to end, then make it; returns when it is gone and its memory free."""
        try:
            self.send({"op": "shutdown"})
            self._child.wait(STOP_WAIT)
        except (WorkerLost, subprocess.TimeoutExpired):
            self._child.kill()
        self._child.wait()

    def _read(self) -> None:
        heard_at = time.monotonic()
        try:
            while True:
                if self._connection.poll(POLL):
                    message = json.loads(self._connection.recv_bytes())
                    heard_at = time.monotonic()
                    self._on_message(message)
                else:
                    self._on_silence(time.monotonic() - heard_at)
        except (EOFError, OSError):
            pass  # the child is gone: told below
        finally:
            self._child.kill()
            code = self._child.wait()
            with self._send_lock:
                self._connection.close()
            self._on_end(_end(code, self._killed_because))


def _spawn(engine: str, plain: bool) -> tuple[Connection, subprocess.Popen[bytes]]:
    """The child, in a session of its own so that Ctrl-C in a terminal reaches the parent alone."""
    ours, theirs = socket.socketpair()
    try:
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "inference.worker"),
                *("--engine", engine, "--fd", str(theirs.fileno())),
            ],
            cwd=ROOT,
            env=_environment(plain),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Connection(ours.detach()), child


def _environment(plain: bool) -> dict[str, str]:
    """What the child may know: a model's files are not trusted, so no secret and no hub. A plain
    one starts without the libraries that the user preloads."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not any(word in key.upper() for word in SECRETS) and not (plain and key == "LD_PRELOAD")
    }
    return kept | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def _end(code: int, killed_because: str) -> End:
    if killed_because or code >= 0:
        return End(killed_because or f"its process ended with exit code {code}")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return End(f"its process was killed by {name}", name)
