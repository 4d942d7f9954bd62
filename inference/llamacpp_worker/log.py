"""What llama.cpp writes to standard error: it tells some failures nowhere else.

A model that cannot be loaded gets its reason here. A grammar that llama.cpp cannot follow is left
out there without another word, and the answer would be free.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import deque

KEPT_LINES = 40
KEPT_FAULTS = 32
SYNC_SECONDS = 2.0
REASON = re.compile(r"error loading model: (?:llama_model_loader: )?(.+)|gguf_init_from_\w+: (.+)")
MARK = re.compile(r"^.*cortex-mark ")
FAULT = re.compile(r"llg error: (.*)")
EXCERPT = re.compile(r"^\s*\d+ \| (.*)$")


class ErrorLog:
    """Everything that is written to file descriptor 2 from now on; it is passed on as it comes."""

    def __init__(self) -> None:
        sys.stderr.flush()
        self._passed_on = os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._faults: deque[tuple[str, list[str]]] = deque(maxlen=KEPT_FAULTS)
        self._marks: dict[str, threading.Event] = {}
        threading.Thread(target=self._read, args=(reading,), name="log", daemon=True).start()

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as file:
            for raw in file:
                line = raw.decode(errors="replace").rstrip("\n")
                if mark := self._marks.pop(MARK.sub("", line), None):
                    mark.set()
                    continue
                os.write(self._passed_on, raw)
                self._note(line)

    def _note(self, line: str) -> None:
        self._lines.append(line)
        if found := FAULT.search(line):
            self._faults.append((found[1], []))
        elif self._faults and (excerpt := EXCERPT.match(line)):
            self._faults[-1][1].append(excerpt[1])

    def sync(self) -> None:
        """Wait until all that was written before has been read."""
        name = f"{os.getpid()}.{threading.get_ident()}"
        mark = self._marks[name] = threading.Event()
        os.write(2, f"cortex-mark {name}\n".encode())
        mark.wait(SYNC_SECONDS)

    def reason(self) -> str:
        """Why the model was not loaded."""
        self.sync()
        for line in self._lines:
            if found := REASON.search(line):
                return (found[1] or found[2]).strip().rstrip(".")
        return "llama.cpp gives no reason"

    def grammar_fault(self, grammar: str) -> str:
        """What llama.cpp has against the grammar; '' when it follows it."""
        self.sync()
        lines = set(grammar.splitlines())
        for message, excerpt in list(self._faults):
            if all(line in lines for line in excerpt):
                return message
        return ""
