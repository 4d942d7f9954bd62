"""From a request to prompt tokens, through the model's chat template.

A chat template is a program that came with the model: it runs in jinja's sandbox (transformers
sees to that), and here under a time limit and, on Linux, a memory limit.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlx_lm.tokenizer_utils import TokenizerWrapper

from inference.errors import InvalidRequest
from inference.types import JSON, GenerationRequest, Message, ToolSpec

logger = logging.getLogger(__name__)

TEMPLATE_SECONDS = 5.0
TEMPLATE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to be continued. `is_continuation` when the answer continues given text."""

    tokens: list[int]
    is_continuation: bool = False
    starts_thinking: bool = False


def prompt_make(
    tokenizer: TokenizerWrapper, request: GenerationRequest, tools: Sequence[ToolSpec] = ()
) -> Prompt:
    """The prompt of a request; `tools` are those to be shown by the template itself.

    A last message of the assistant is continued. Raises InvalidRequest for an empty prompt.
    """
    if request.prompt is not None:
        return _checked(_encode(tokenizer, request.prompt), is_continuation=True)
    continues = bool(request.messages) and request.messages[-1].role == "assistant"
    try:
        tokens = _template_apply(tokenizer, request.messages, tools, continues=continues)
    except Exception as error:  # noqa: BLE001 - a template is foreign code and raises anything
        logger.warning("the chat template failed, the raw prompt is used: %r", error)
        raw = raw_prompt(request.messages)
        return _checked(_encode(tokenizer, raw), is_continuation=continues)
    return Prompt(tokens, continues, _is_thinking(tokenizer, tokens))


def _checked(tokens: list[int], *, is_continuation: bool) -> Prompt:
    if not tokens:
        raise InvalidRequest("the prompt is empty", field="prompt")
    return Prompt(tokens, is_continuation)


def raw_prompt(messages: Sequence[Message]) -> str:
    """What stands in for a template: a lone question as it is, a conversation as a transcript."""
    if len(messages) == 1:
        return messages[0].content
    lines = [f"{message.role}: {message.content}" for message in messages]
    if messages and messages[-1].role != "assistant":
        lines.append("assistant:")
    return "\n".join(lines)


def _encode(tokenizer: TokenizerWrapper, text: str) -> list[int]:
    tokens = list(tokenizer.encode(text))
    if not tokens and tokenizer.bos_token_id is not None:
        return [tokenizer.bos_token_id]
    return tokens


def _template_apply(
    tokenizer: TokenizerWrapper,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    *,
    continues: bool,
) -> list[int]:
    """Render and tokenize. Templates may give text or tokens."""
    if not tokenizer.has_chat_template:
        raise ValueError("the model has no chat template")
    with _limits(TEMPLATE_SECONDS, TEMPLATE_BYTES):
        rendered = tokenizer.apply_chat_template(
            [message_plain(message) for message in messages],
            tools=[tool_plain(tool) for tool in tools] or None,
            add_generation_prompt=not continues,
            continue_final_message=continues,
        )
    if isinstance(rendered, str):
        rendered = tokenizer.encode(rendered, add_special_tokens=False)
    if not rendered:
        raise ValueError("the chat template gave nothing")
    return [int(token) for token in rendered]


def message_plain(message: Message) -> JSON:
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
        return json.loads(text)
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


def _is_thinking(tokenizer: TokenizerWrapper, tokens: list[int]) -> bool:
    """Whether the prompt ends inside a block of thinking that the template opened."""
    if not tokenizer.has_thinking:
        return False
    start = tokenizer.rfind_think_start(tokens)
    return start >= 0 and start > tokenizer.rfind_think_end(tokens)


@contextlib.contextmanager
def _limits(seconds: float, extra_bytes: int) -> Iterator[None]:
    """Bound the block's time and, where the system can, its memory.

    Signals reach the main thread only, which is where a worker does its work.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _time_limit(seconds), _memory_limit(extra_bytes):
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
    with open("/proc/self/statm", encoding="ascii") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = in_use + extra_bytes
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
