"""From a request to a sequence: checked, rendered, measured against the context, made ready."""

from __future__ import annotations

from dataclasses import replace

from inference.engines.base import EngineConfig
from inference.mlx_worker.grammar import Grammars
from inference.mlx_worker.model import LoadedModel
from inference.mlx_worker.prompt import prompt_make
from inference.mlx_worker.sampling import bias_make, penalties_make, sampler_make
from inference.mlx_worker.sequence import Sequence
from inference.mlx_worker.text import TokenAssembler
from inference.types import GenerationRequest
from inference.validation import values_check
from inference.worker.dialect import Dialect
from inference.worker.requests import (
    max_tokens_of,
    reading_options,
    tokens_check,
    with_defaults,
)
from inference.worker.tools import plan_make


def sequence_make(
    request: GenerationRequest,
    loaded: LoadedModel,
    config: EngineConfig,
    dialect: Dialect,
    grammars: Grammars,
) -> Sequence:
    """A sequence ready for the batch. Raises InvalidRequest or ContextOverflow."""
    values_check(request)
    tokens_check(request, len(loaded.tokenizer._tokenizer))
    request = with_defaults(request, config)
    plan = plan_make(request, dialect)
    prompt = prompt_make(loaded.tokenizer, replace(request, messages=plan.messages), plan.tools)
    assembler = TokenAssembler(
        loaded.tokenizer,
        dialect,
        is_continuation=prompt.is_continuation,
        **reading_options(request, plan, prompt),
    )
    processors = [
        *([bias_make(request.logit_bias)] if request.logit_bias else []),
        *penalties_make(request.sampling, len(prompt.tokens)),
    ]
    grammar = None
    if plan.grammar is not None:
        # Last, so that no penalty can lift what the grammar forbids.
        grammar = grammars.processor(plan.grammar, is_thinking=prompt.starts_thinking)
        processors.append(grammar)
    return Sequence(
        request=request,
        prompt=prompt,
        max_tokens=max_tokens_of(request, prompt, config, loaded.description.context_length),
        assembler=assembler,
        sampler=sampler_make(request.sampling),
        processors=processors,
        grammar=grammar,
    )
