"""Messages between a child and its parent, on one private socket.

A message is JSON behind four bytes of length. The child uses plain `read` and `write`, because its
system call filter knows no socket calls.
"""

from __future__ import annotations

import json
import os
from typing import Any

HEADER = 4  # bytes of length, big-endian

# Bound now: the program that runs later may change the classes behind them.
_encode = json.JSONEncoder().encode
_decode = json.JSONDecoder().decode


class Channel:
    """The child's end of the socket."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def receive(self) -> Any:
        """Wait for the next message. Raises EOFError when the parent is gone."""
        return _decode(self._read(int.from_bytes(self._read(HEADER), "big")).decode())

    def send(self, message: dict[str, Any]) -> None:
        data = _encode(message).encode()
        data = len(data).to_bytes(HEADER, "big") + data
        while data:
            data = data[os.write(self.descriptor, data) :]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = os.read(self.descriptor, size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data
