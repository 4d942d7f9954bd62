"""How likely a prompt's tokens were: the whole of it through the model, beside the batch."""

from __future__ import annotations

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from common.errors import InvalidRequest
from inference.mlx_worker.model import LoadedModel
from inference.mlx_worker.sequence import token_logprobs
from inference.types import TokenLogprob

CHUNK = 128  # tokens whose logits are there at a time
MOST_TOKENS = 4096  # running answers wait for it


def prompt_logprobs(
    loaded: LoadedModel, tokens: list[int], top: int | None
) -> tuple[TokenLogprob, ...]:
    """One for each token; the first has no probability. Raises InvalidRequest for a long prompt."""
    if len(tokens) > MOST_TOKENS:
        raise InvalidRequest(
            f"echo: the likelihoods of at most {MOST_TOKENS} tokens of a prompt are told; it has "
            f"{len(tokens)}.",
            field="echo",
        )
    told = [TokenLogprob(loaded.tokenizer.decode([tokens[0]]), None)]
    cache = make_prompt_cache(loaded.model)
    for begin in range(0, len(tokens) - 1, CHUNK):
        piece = tokens[begin : min(begin + CHUNK, len(tokens) - 1)]
        logits = loaded.model(mx.array([piece]), cache=cache)[0].astype(mx.float32)
        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        followers = tokens[begin + 1 : begin + 1 + len(piece)]
        told += [
            token_logprobs(loaded.tokenizer, token, row, top or 0)
            for token, row in zip(followers, logprobs, strict=True)
        ]
    return tuple(told)
