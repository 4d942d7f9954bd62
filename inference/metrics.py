"""What /metrics tells of language models; see `common.metrics`."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from common.metrics import METRICS
from inference.types import Usage

FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
QUEUE_SECONDS = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300)

REQUESTS = Counter(
    "cortex_requests",
    "Requests that have ended, by finish reason or error code.",
    ["model", "outcome"],
    registry=METRICS,
)
PROMPT_TOKENS = Counter(
    "cortex_prompt_tokens", "Tokens of prompts, cached ones included.", ["model"], registry=METRICS
)
CACHED_TOKENS = Counter(
    "cortex_cached_prompt_tokens",
    "Tokens of prompts that came from the prompt cache.",
    ["model"],
    registry=METRICS,
)
COMPLETION_TOKENS = Counter(
    "cortex_completion_tokens", "Tokens that were generated.", ["model"], registry=METRICS
)
FIRST_TOKEN = Histogram(
    "cortex_time_to_first_token_seconds",
    "From the submission of a request to its first token.",
    ["model"],
    registry=METRICS,
    buckets=FIRST_TOKEN_SECONDS,
)
QUEUE_TIME = Histogram(
    "cortex_queue_seconds",
    "From the submission of a request to its place in the batch.",
    ["model"],
    registry=METRICS,
    buckets=QUEUE_SECONDS,
)
DECODE_RATE = Histogram(
    "cortex_decode_tokens_per_second",
    "Tokens a second of one answer, from its first token on.",
    ["model"],
    registry=METRICS,
    buckets=TOKENS_PER_SECOND,
)
WORKER_RESTARTS = Counter(
    "cortex_worker_restarts",
    "Starts of a model's process after a crash.",
    ["model"],
    registry=METRICS,
)


def request_count(model: str, outcome: str) -> None:
    """A request has ended, or was refused."""
    REQUESTS.labels(model, outcome).inc()


def usage_count(model: str, usage: Usage) -> None:
    """What an engine did for one request, whoever still wanted the answer by its end."""
    QUEUE_TIME.labels(model).observe(usage.queue_seconds)
    if not usage.completion_tokens:
        return  # cancelled before its first token: nothing is known of the prompt's share
    PROMPT_TOKENS.labels(model).inc(usage.prompt_tokens)
    CACHED_TOKENS.labels(model).inc(usage.cached_tokens)
    COMPLETION_TOKENS.labels(model).inc(usage.completion_tokens)
    FIRST_TOKEN.labels(model).observe(usage.first_token_seconds)
    if usage.tokens_per_second:
        DECODE_RATE.labels(model).observe(usage.tokens_per_second)
