"""One wait for a child's message, within its limits. Nothing that a child sends is trusted."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tooling.jail.channel import HEADER

POLL = 0.05  # seconds between looks at memory and at whether the result is still wanted
PIECE = 65_536  # bytes a read
MAX_MESSAGE = 2_000_000  # bytes


class Ending(StrEnum):
    ANSWERED = "answered"
    DIED = "died"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    TOO_MUCH_MEMORY = "too much memory"
    TOO_MUCH_OUTPUT = "too much output"


@dataclass(frozen=True)
class ChildReply:
    """`message` is the child's when it answered; what it printed is there in any case."""

    ending: Ending
    message: dict[str, Any]
    stdout: str
    stderr: str
    exit_code: int | None


class Watch:
    """Reads a child's channel and its two outputs at once, and stops at the first limit."""

    def __init__(self, channel: int, stdout: int, stderr: int, max_output: int) -> None:
        self.channel, self.stdout, self.stderr = channel, stdout, stderr
        self.max_output = max_output
        self.received = {channel: b"", stdout: b"", stderr: b""}
        for descriptor in self.received:
            os.set_blocking(descriptor, False)

    def until(
        self, deadline: float, cancelled: Callable[[], bool], too_large: Callable[[], bool]
    ) -> Ending:
        with selectors.DefaultSelector() as selector:
            for descriptor in self.received:
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                wait = max(min(POLL, deadline - time.monotonic()), 0)
                for key, _ in selector.select(wait):
                    if self._read(key.fd) == b"":
                        selector.unregister(key.fd)
                ending = self._ending(self.channel in selector.get_map())
                if ending or (ending := _limit(deadline, cancelled, too_large)):
                    return ending

    def reply(self, ending: Ending, exit_code: int | None) -> ChildReply:
        """Tell what was received, with all that is in the pipes still."""
        for descriptor in (self.stdout, self.stderr):
            while not self._too_much() and self._read(descriptor):
                pass
        if ending is Ending.ANSWERED and self._too_much():
            ending = Ending.TOO_MUCH_OUTPUT
        message = self._message() if ending is Ending.ANSWERED else None
        if ending is Ending.ANSWERED and message is None:
            ending = Ending.DIED
        outputs = self._text(self.stdout), self._text(self.stderr)
        return ChildReply(ending, message or {}, *outputs, exit_code)

    def _read(self, descriptor: int) -> bytes | None:
        """A piece; empty at the end, None when there is nothing now."""
        try:
            piece = os.read(descriptor, PIECE)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""
        self.received[descriptor] += piece
        return piece

    def _ending(self, is_open: bool) -> Ending | None:
        if self._too_much():
            return Ending.TOO_MUCH_OUTPUT
        data = self.received[self.channel]
        size = int.from_bytes(data[:HEADER], "big") if len(data) >= HEADER else 0
        if size > MAX_MESSAGE:
            return Ending.TOO_MUCH_OUTPUT
        if len(data) >= HEADER and len(data) >= HEADER + size:
            return Ending.ANSWERED
        return None if is_open else Ending.DIED

    def _message(self) -> dict[str, Any] | None:
        try:
            message = json.loads(self.received[self.channel][HEADER:])
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    def _too_much(self) -> bool:
        return len(self.received[self.stdout]) + len(self.received[self.stderr]) > self.max_output

    def _text(self, descriptor: int) -> str:
        return self.received[descriptor][: self.max_output].decode("utf-8", "replace")


def _limit(
    deadline: float, cancelled: Callable[[], bool], too_large: Callable[[], bool]
) -> Ending | None:
    if cancelled():
        return Ending.CANCELLED
    if time.monotonic() >= deadline:
        return Ending.TIMED_OUT
    return Ending.TOO_MUCH_MEMORY if too_large() else None
