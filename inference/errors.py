"""Everything that can go wrong with a language model, as one small tree.

Each error knows the HTTP status and the machine-readable code that clients see, so the web layers
need no table of their own. `details` is JSON-ready. Errors cross the process boundary through
`to_wire`/`from_wire`.
"""

from __future__ import annotations

import math
from typing import Any


class InferenceError(Exception):
    """The root. `str(error)` is a sentence for the person who asked."""

    status = 500
    code = "inference_error"
    retry_after: int | None = None  # seconds

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class InvalidRequest(InferenceError):
    """The request cannot be served as it stands; `details["field"]` names the culprit."""

    status = 400
    code = "invalid_request"


class ModelNotFound(InferenceError):
    status = 404
    code = "model_not_found"


class ModelLoadFailed(InferenceError):
    """The model's files are missing, broken or too large, or its process died while loading."""

    status = 500
    code = "model_load_failed"


class HubUnreachable(ModelLoadFailed):
    """The hub cannot be reached, so the model cannot be fetched now."""

    status = 424
    code = "hub_unreachable"


class ModelTooLarge(ModelLoadFailed):
    """details: needed_bytes, limit_bytes."""

    status = 409
    code = "model_too_large"


class ModelBusy(InferenceError):
    """The model is just being loaded, unloaded or deleted."""

    status = 409
    code = "model_busy"


class ContextOverflow(InferenceError):
    """details: prompt_tokens, context_length."""

    status = 422
    code = "context_overflow"


class QueueFull(InferenceError):
    """details: expected_wait (seconds), where it can be told."""

    status = 503
    code = "queue_full"
    retry_after = 5

    def __init__(self, message: str, *, expected_wait: float | None = None, **details: Any) -> None:
        if expected_wait is not None:
            details["expected_wait"] = round(expected_wait, 1)
            self.retry_after = max(1, math.ceil(expected_wait))
        super().__init__(message, **details)


class WorkerLost(InferenceError):
    """The model's process ended while it was answering."""

    status = 503
    code = "worker_lost"
    retry_after = 2


class RemoteEngineError(InferenceError):
    """A remote engine refused, failed or could not be reached. details: status, body."""

    status = 502
    code = "remote_engine_error"


class GenerationFailed(InferenceError):
    """Something broke inside the engine while it worked on this request."""

    status = 500
    code = "generation_failed"


class RequestCancelled(InferenceError):
    """Nobody waits for the answer any more: the request was given up before it began."""

    status = 499
    code = "cancelled"


KINDS: dict[str, type[InferenceError]] = {
    kind.code: kind
    for kind in (
        InferenceError,
        InvalidRequest,
        ModelNotFound,
        ModelLoadFailed,
        HubUnreachable,
        ModelTooLarge,
        ModelBusy,
        ContextOverflow,
        QueueFull,
        WorkerLost,
        RemoteEngineError,
        GenerationFailed,
        RequestCancelled,
    )
}


def to_wire(error: InferenceError) -> dict[str, Any]:
    """The error as JSON-ready values."""
    return {"code": error.code, "message": str(error), "details": error.details}


def from_wire(data: dict[str, Any]) -> InferenceError:
    """The inverse of `to_wire`; an unknown code gives the root class."""
    kind = KINDS.get(data["code"], InferenceError)
    return kind(data["message"], **data["details"])
