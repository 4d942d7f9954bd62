"""What is decided for every request in the same way, whatever computes."""

from __future__ import annotations

from dataclasses import replace

from common.errors import InvalidRequest
from common.types import JSON
from inference.engines.base import EngineConfig
from inference.errors import ContextOverflow
from inference.types import GenerationRequest, PromptMessage
from inference.worker.faults import FaultFinder
from inference.worker.prompt import Prompt, tool_plain
from inference.worker.tools import ToolPlan


def with_defaults(request: GenerationRequest, config: EngineConfig) -> GenerationRequest:
    """What came with the model, as in an Ollama manifest: a system prompt where the request has
    none, and texts that end an answer."""
    options, messages = config.options, request.messages
    if messages and messages[0].role != "system" and (system := options.get("system")):
        messages = (PromptMessage("system", system), *messages)
    return replace(request, messages=messages, stop=(*request.stop, *options.get("stop", ())))


def max_tokens_of(
    request: GenerationRequest, prompt: Prompt, config: EngineConfig, context_length: int
) -> int:
    """What was asked for, or the default; no more than the context has left. Raises
    ContextOverflow."""
    left = context_length - len(prompt.tokens)
    if left < 1:
        raise ContextOverflow(
            f"the prompt has {len(prompt.tokens)} tokens; the context holds {context_length}",
            prompt_tokens=len(prompt.tokens),
            context_length=context_length,
        )
    asked = config.default_max_tokens if request.max_tokens is None else request.max_tokens
    return min(asked, left)


def reading_options(request: GenerationRequest, plan: ToolPlan, prompt: Prompt) -> JSON:
    """The options of the `TextAssembler` that reads the answer."""
    return {
        "stop": () if plan.answer_is_call else request.stop,
        "tool_format": plan.format,
        "tools": [tool_plain(tool) for tool in request.tools],
        "answer_is_call": plan.answer_is_call,
        "fault_of": FaultFinder(plan.unheld),
        "starts_thinking": prompt.starts_thinking,
    }


def tokens_check(request: GenerationRequest, size: int) -> None:
    """Raise InvalidRequest for ids of tokens that a vocabulary of `size` does not have."""
    named = {
        "prompt": request.prompt_tokens,
        "logit_bias": [token for token, _ in request.logit_bias],
    }
    for field, tokens in named.items():
        if (largest := max(tokens, default=0)) >= size:
            raise InvalidRequest(f"{field}: the model has no token {largest}.", field=field)
