"""From a request to prompt tokens, through the chat template of the model's tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mlx_lm.tokenizer_utils import TokenizerWrapper

from common.errors import InvalidRequest
from inference.types import GenerationRequest, PromptMessage, ToolSpec
from inference.worker.prompt import (
    Prompt,
    message_plain,
    raw_prompt,
    template_limits,
    tool_plain,
)

logger = logging.getLogger(__name__)


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


def _encode(tokenizer: TokenizerWrapper, text: str) -> list[int]:
    tokens = list(tokenizer.encode(text))
    if not tokens and tokenizer.bos_token_id is not None:
        return [tokenizer.bos_token_id]
    return tokens


def _template_apply(
    tokenizer: TokenizerWrapper,
    messages: Sequence[PromptMessage],
    tools: Sequence[ToolSpec],
    *,
    continues: bool,
) -> list[int]:
    """Render and tokenize. Templates may give text or tokens."""
    if not tokenizer.has_chat_template:
        raise ValueError("the model has no chat template")
    with template_limits():
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


def _is_thinking(tokenizer: TokenizerWrapper, tokens: list[int]) -> bool:
    """Whether the prompt ends inside a block of thinking that the template opened."""
    if not tokenizer.has_thinking:
        return False
    start = tokenizer.rfind_think_start(tokens)
    return start >= 0 and start > tokenizer.rfind_think_end(tokens)
