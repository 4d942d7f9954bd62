"""From a request to prompt tokens, through the chat template of the model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from mlx_lm.tokenizer_utils import TokenizerWrapper

from common.errors import InvalidRequest
from inference.types import GenerationRequest, PromptMessage, ToolSpec
from inference.worker.infill import raw_text
from inference.worker.prompt import (
    Prompt,
    message_plain,
    raw_prompt,
    template_apply,
    tool_plain,
)


def prompt_make(
    tokenizer: TokenizerWrapper, request: GenerationRequest, tools: Sequence[ToolSpec] = ()
) -> Prompt:
    """The prompt of a request; `tools` are those to be shown by the template itself.

    A last message of the assistant is continued. Raises InvalidRequest for an empty prompt.
    """
    if request.prompt_tokens:
        return Prompt(list(request.prompt_tokens), is_continuation=True)
    if request.prompt is not None:
        text = raw_text(request, lambda mark: _is_special(tokenizer, mark))
        return _checked(_encode(tokenizer, text), is_continuation=True)
    if not tokenizer.has_chat_template or tokenizer.chat_template == "":
        continues = bool(request.messages) and request.messages[-1].role == "assistant"
        raw = _encode(tokenizer, raw_prompt(request.messages))
        return _checked(raw, is_continuation=continues)

    def render(messages: Sequence[PromptMessage], continues: bool) -> str:
        return str(
            tokenizer.apply_chat_template(
                [message_plain(message) for message in messages],
                tools=[tool_plain(tool) for tool in tools] or None,
                add_generation_prompt=not continues,
                continue_final_message=continues,
                tokenize=False,
            )
        )

    text, continues = template_apply(request.messages, render)
    tokens = [int(token) for token in tokenizer.encode(text, add_special_tokens=False)]
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


def _is_special(tokenizer: TokenizerWrapper, mark: str) -> bool:
    return any(str(token) == mark for token in tokenizer.added_tokens_decoder.values())


def _is_thinking(tokenizer: TokenizerWrapper, tokens: list[int]) -> bool:
    """Whether the prompt ends inside a block of thinking that the template opened."""
    if not tokenizer.has_thinking:
        return False
    start = tokenizer.rfind_think_start(tokens)
    return start >= 0 and start > tokenizer.rfind_think_end(tokens)
