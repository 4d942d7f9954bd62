"""What chat templates are given, and the limits under which they run.

A chat template is a program that came with the model: it runs in jinja's sandbox, under a time
limit and, on Linux, a memory limit.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from common.jsons import json_read
from common.types import JSON
from inference.types import PromptMessage, ToolSpec

TEMPLATE_SECONDS = 5.0
TEMPLATE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to be continued. `is_continuation` when the answer continues given text."""

    tokens: list[int]
    is_continuation: bool = False
    starts_thinking: bool = False


def raw_prompt(messages: Sequence[PromptMessage]) -> str:
    """What stands in for a template: a lone question as it is, a conversation as a transcript."""
    if len(messages) == 1:
        return messages[0].content
    lines = [f"{message.role}: {message.content}" for message in messages]
    if messages and messages[-1].role != "assistant":
        lines.append("assistant:")
    return "\n".join(lines)


def message_plain(message: PromptMessage) -> JSON:
    """A message as templates expect it: tool arguments as objects, no empty fields."""
    plain: JSON = {"role": message.role, "content": message.content}
    if message.tool_calls:
        plain["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        plain["name"] = message.name
    return plain


def _arguments(text: str) -> Any:
    try:
        return json_read(text)
    except ValueError:
        return text


def tool_plain(tool: ToolSpec) -> JSON:
    """A tool in the OpenAI form that templates and mlx-lm's parsers know."""
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}


@contextlib.contextmanager
def template_limits() -> Iterator[None]:
    """Bound the block's time and, where the system can, its memory.

    Signals reach the main thread only, which is where a worker does its work.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _time_limit(TEMPLATE_SECONDS), _memory_limit(TEMPLATE_BYTES):
        yield


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def expire(_signal: int, _frame: Any) -> None:
        raise TimeoutError(f"the chat template took more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, expire)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, remaining, interval)


@contextlib.contextmanager
def _memory_limit(extra_bytes: int) -> Iterator[None]:
    """An address space of no more than what is in use plus `extra_bytes` (Linux only)."""
    if not sys.platform.startswith("linux"):
        yield
        return
    in_use = int(psutil.Process().memory_info().vms)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = in_use + extra_bytes
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
