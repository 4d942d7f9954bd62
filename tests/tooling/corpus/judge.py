"""What a program did, seen from outside: secret, folder, file, listener, victim, processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path


class Scene:
    """One program's surroundings. `misdeeds` says afterwards what it did to them."""

    def __init__(self, folder: Path) -> None:
        self.secret = f"secret-{uuid.uuid4().hex}"
        self.mark = f"mark-{uuid.uuid4().hex}"
        self.private, self.empty = folder / "private", folder / "empty"
        self.private.mkdir()
        self.empty.mkdir()
        (self.private / "secret").write_text(self.secret)
        self.keep = folder / "keep"
        self.keep.write_text("kept")
        self.kept = self.keep.stat()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.victim = subprocess.Popen(["sleep", "60"])

    def close(self) -> None:
        for pid in self.marked():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.victim.kill()
        self.victim.wait()
        self.listener.close()

    def filled(self, program: str) -> str:
        places = {
            "@SECRET@": self.private / "secret",
            "@FOLDER@": self.empty,
            "@KEEP@": self.keep,
            "@PORT@": self.listener.getsockname()[1],
            "@VICTIM@": self.victim.pid,
            "@MARK@": self.mark,
        }
        for name, value in places.items():
            program = program.replace(name, str(value))
        return program

    def misdeeds(self, *texts: str | None) -> list[str]:
        found = {
            "told the secret": any(self.secret in text for text in texts if text),
            "wrote into the folder": any(self.empty.iterdir()),
            "changed the file": not self._is_kept(),
            "connected": self._was_connected_to(),
            "killed a process": self.victim.poll() is not None,
            "left a process": bool(self.marked()),
        }
        return [misdeed for misdeed, happened in found.items() if happened]

    def marked(self) -> list[int]:
        """Processes that live and carry the mark in their command line."""
        own = os.getpid()
        folders = (f for f in Path("/proc").iterdir() if f.name.isdigit() and f.name != str(own))
        return [int(folder.name) for folder in folders if self._carries_mark(folder)]

    def _carries_mark(self, process: Path) -> bool:
        with suppress(OSError):
            return self.mark.encode() in (process / "cmdline").read_bytes()
        return False

    def _is_kept(self) -> bool:
        if not self.keep.exists() or self.keep.read_text() != "kept":
            return False
        now = self.keep.stat()
        return (now.st_mode, now.st_mtime) == (self.kept.st_mode, self.kept.st_mtime)

    def _was_connected_to(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True
