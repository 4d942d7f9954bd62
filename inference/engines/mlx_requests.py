"""From a request to a sequence: checked, rendered, measured against the context, made ready."""

from __future__ import annotations

import math
from dataclasses import replace

from inference.engines.base import EngineConfig
from inference.engines.mlx_grammar import Grammars
from inference.engines.mlx_model import LoadedModel
from inference.engines.mlx_prompt import Prompt, prompt_make, tool_plain
from inference.engines.mlx_sampling import penalties_make, sampler_make
from inference.engines.mlx_sequence import Sequence
from inference.engines.mlx_text import TextAssembler
from inference.engines.mlx_tools import plan_make
from inference.errors import ContextOverflow, InvalidRequest
from inference.types import GenerationRequest


def sequence_make(
    request: GenerationRequest, loaded: LoadedModel, config: EngineConfig, grammars: Grammars
) -> Sequence:
    """A sequence ready for the batch. Raises InvalidRequest or ContextOverflow."""
    _check(request)
    plan = plan_make(request, loaded.tokenizer, grammars)
    prompt = prompt_make(loaded.tokenizer, replace(request, messages=plan.messages), plan.tools)
    assembler = TextAssembler(
        loaded.tokenizer,
        stop=() if plan.answer_is_call else request.stop,
        tool_format=plan.format,
        tools=[tool_plain(tool) for tool in request.tools],
        answer_is_call=plan.answer_is_call,
        starts_thinking=prompt.starts_thinking,
        is_continuation=prompt.is_continuation,
    )
    processors = penalties_make(request.sampling, len(prompt.tokens))
    grammar = None
    if plan.grammar is not None:
        # Last, so that no penalty can lift what the grammar forbids.
        grammar = grammars.processor(plan.grammar, is_thinking=prompt.starts_thinking)
        processors.append(grammar)
    return Sequence(
        request=request,
        prompt=prompt,
        max_tokens=_max_tokens(request, prompt, loaded, config),
        assembler=assembler,
        sampler=sampler_make(request.sampling),
        processors=processors,
        grammar=grammar,
    )


def _max_tokens(
    request: GenerationRequest, prompt: Prompt, loaded: LoadedModel, config: EngineConfig
) -> int:
    """What was asked for, or the default; no more than the context has left."""
    context_length = loaded.description.context_length
    left = context_length - len(prompt.tokens)
    if left < 1:
        raise ContextOverflow(
            f"the prompt has {len(prompt.tokens)} tokens; the context holds {context_length}",
            prompt_tokens=len(prompt.tokens),
            context_length=context_length,
        )
    asked = config.default_max_tokens if request.max_tokens is None else request.max_tokens
    return min(asked, left)


def _check(request: GenerationRequest) -> None:
    """Refuse what would break sampling. The web layers check more kindly, before."""
    if request.max_tokens is not None and request.max_tokens < 1:
        raise InvalidRequest("max_tokens must be at least 1", field="max_tokens")
    if request.prompt is None and not request.messages:
        raise InvalidRequest("messages must not be empty", field="messages")
    if request.top_logprobs is not None and not 0 <= request.top_logprobs <= 50:
        raise InvalidRequest("top_logprobs must be between 0 and 50", field="top_logprobs")
    for field, (low, high) in _RANGES.items():
        value = getattr(request.sampling, field)
        if not (math.isfinite(value) and low <= value <= high):
            raise InvalidRequest(f"{field} must be between {low} and {high}", field=field)


_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "top_k": (0, 1 << 31),
    "min_p": (0, 1),
    "repetition_penalty": (0.01, 100),
    "presence_penalty": (-100, 100),
    "frequency_penalty": (-100, 100),
}
