"""What chat templates are given, and the limits under which they run.

A chat template is a program that came with the model: it runs in jinja's sandbox, under a time
limit and, on Linux, a memory limit.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from common.errors import CortexError, InvalidRequest
from common.jsons import json_read
from common.types import JSON
from inference.errors import GenerationFailed
from inference.types import PromptMessage, ToolSpec
from inference.worker.conversation import conversation_forms

logger = logging.getLogger(__name__)

TEMPLATE_SECONDS = 5.0
TEMPLATE_BYTES = 2 << 30
MOST_WORDS = 500  # characters of what a template says of its failure


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to be continued. `is_continuation` when the answer continues given text."""

    tokens: list[int]
    is_continuation: bool = False
    starts_thinking: bool = False


# Called with the messages, and whether the last of them is to be continued.
Render = Callable[[Sequence[PromptMessage], bool], str]


def template_apply(messages: Sequence[PromptMessage], render: Render) -> tuple[str, bool]:
    """What the model's own template makes of the conversation, in the first form that it takes; and
    whether the answer goes on from the last message, which is then the assistant's.

    Raises InvalidRequest when the template refuses all forms, GenerationFailed when it is broken.
    """
    refusal: Exception | None = None
    for form in conversation_forms(messages):
        try:
            with template_limits():
                applied = _rendered(form, render)
        except (TimeoutError, MemoryError) as error:
            raise _failure(error) from error
        except Exception as error:  # noqa: BLE001 - a template is foreign code and raises anything
            refusal = refusal or error
            continue
        if refusal:
            logger.info("the chat template wants another form of the conversation: %s", refusal)
        return applied
    assert refusal is not None
    raise _failure(refusal) from refusal


def _rendered(form: Sequence[PromptMessage], render: Render) -> tuple[str, bool]:
    *before, last = form
    if last.role != "assistant":
        return _some(render(form, False)), False
    if not last.content.strip() and not last.tool_calls and before:
        return _some(render(before, False)), False
    try:
        return _some(render(form, True)), True
    except ValueError:
        # It took the conversation, and changed or left out what is to be continued.
        if not before or last.tool_calls:
            raise
        return _some(render(before, False)) + last.content, True


def _some(text: str) -> str:
    if not text:
        raise ValueError("it gave nothing")
    return text


def _failure(error: Exception) -> CortexError:
    """The template's own words; what it raises itself is jinja's TemplateError, and no subclass."""
    words = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "TemplateError":
        told = f"The model's chat template refuses this conversation: {words[:MOST_WORDS]}"
        return InvalidRequest(told, field="messages")
    return GenerationFailed(f"The model's chat template fails: {words[:MOST_WORDS]}")


def raw_prompt(messages: Sequence[PromptMessage]) -> str:
    """What a model without a template gets: a lone question as it is, a conversation as a
    transcript."""
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
    with time_limit(TEMPLATE_SECONDS, "the chat template"), _memory_limit(TEMPLATE_BYTES):
        yield


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """TimeoutError in the block when it takes longer; on the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(_signal: int, _frame: Any) -> None:
        raise TimeoutError(f"{what} took more than {seconds:g} s")

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
