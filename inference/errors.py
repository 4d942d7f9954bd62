"""Everything that can go wrong with a language model."""

from __future__ import annotations

import math
from typing import Any

from common.errors import CortexError, DiskFull


class ModelNotFound(CortexError):
    """There is no such model."""

    status = 404
    code = "model_not_found"
    example = "There is no model 'nobody/nothing' here."
    example_details = {"model": "nobody/nothing"}


class ModelLoadFailed(CortexError):
    """The model's files are missing, broken or too large, or its process died while loading."""

    status = 500
    code = "model_load_failed"


class EngineUnavailable(ModelLoadFailed):
    """What computes a model of this kind does not run on this machine."""

    code = "engine_unavailable"


class HubUnreachable(ModelLoadFailed):
    """The model is not on this machine, and the hub cannot be reached."""

    status = 424
    code = "hub_unreachable"


class ModelTooLarge(ModelLoadFailed):
    """The model does not fit into memory.

    details: needed_bytes, limit_bytes.
    """

    status = 409
    code = "model_too_large"
    example = "It needs 48.0 GB of memory; MODEL_MEMORY_LIMIT is 12.0 GB."
    example_details = {"needed_bytes": 51539607552, "limit_bytes": 12884901888}


class ModelBusy(CortexError):
    """The model is just being loaded, unloaded or deleted."""

    status = 409
    code = "model_busy"


class ContextOverflow(CortexError):
    """The prompt is longer than the model's context.

    details: prompt_tokens, context_length.
    """

    status = 422
    code = "context_overflow"
    example = "The prompt has 9120 tokens; the model's context holds 8192."
    example_details = {"prompt_tokens": 9120, "context_length": 8192}


class QueueFull(CortexError):
    """Too many requests wait already.

    details: expected_wait (seconds), where it can be told.
    """

    status = 503
    code = "queue_full"
    retry_after = 5
    example = "64 requests are waiting already."

    def __init__(self, message: str, *, expected_wait: float | None = None, **details: Any) -> None:
        if expected_wait is not None:
            details["expected_wait"] = round(expected_wait, 1)
            self.retry_after = max(1, math.ceil(expected_wait))
        super().__init__(message, **details)


class WorkerLost(CortexError):
    """The model's process ended while it was answering."""

    status = 503
    code = "worker_lost"
    retry_after = 2


class RemoteEngineError(CortexError):
    """A remote engine refused, failed or could not be reached.

    details: status, body.
    """

    status = 502
    code = "remote_engine_error"
    example = "The remote engine answered with 401."


class GenerationFailed(CortexError):
    """Something broke inside the engine while it worked on this request."""

    status = 500
    code = "generation_failed"


GENERATION_ERRORS: tuple[type[CortexError], ...] = (  # what every route that generates may answer
    ModelNotFound,
    ModelBusy,
    ModelTooLarge,
    ContextOverflow,
    HubUnreachable,
    DiskFull,
    ModelLoadFailed,
    GenerationFailed,
    RemoteEngineError,
    QueueFull,
    WorkerLost,
)
