"""What a request must be like, checked in one place for every road that leads to a model."""

from __future__ import annotations

import math

from inference.errors import InvalidRequest
from inference.types import GenerationRequest

RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.0, 10.0),
}
NOT_ZERO = ("top_p", "repetition_penalty")
MAX_TOP_LOGPROBS = 20
MAX_STOPS = 16
SEED_LIMIT = 2**64


def request_check(request: GenerationRequest) -> None:
    """InvalidRequest with details["field"] unless the request can be served as it stands."""
    _check_input(request)
    _check_sampling(request)
    _check_limits(request)
    _check_tools(request)


def _check_input(request: GenerationRequest) -> None:
    if request.prompt is not None and request.messages:
        raise wrong("prompt", "give either messages or a prompt, not both")
    if request.prompt is None and not request.messages:
        raise wrong("messages", "at least one message is needed")
    for index, message in enumerate(request.messages):
        if message.role not in ("system", "user", "assistant", "tool"):
            raise wrong(f"messages.{index}.role", f"unknown role {message.role!r}")


def _check_sampling(request: GenerationRequest) -> None:
    for name, (low, high) in RANGES.items():
        value = getattr(request.sampling, name)
        if not math.isfinite(value) or not low <= value <= high:
            raise wrong(name, f"{value} is not between {low:g} and {high:g}")
        if name in NOT_ZERO and value == 0:
            raise wrong(name, "must be above 0")
    if request.sampling.top_k < 0:
        raise wrong("top_k", "must be 0 (off) or more")
    seed = request.sampling.seed
    if seed is not None and not 0 <= seed < SEED_LIMIT:
        raise wrong("seed", "must be from 0 to 2**64 - 1")


def _check_limits(request: GenerationRequest) -> None:
    if request.max_tokens is not None and request.max_tokens < 1:
        raise wrong("max_tokens", "must be 1 or more")
    if len(request.stop) > MAX_STOPS or not all(request.stop):
        raise wrong("stop", f"at most {MAX_STOPS} texts, none of them empty")
    if request.top_logprobs is not None and not 0 <= request.top_logprobs <= MAX_TOP_LOGPROBS:
        raise wrong("top_logprobs", f"must be from 0 to {MAX_TOP_LOGPROBS}")


def _check_tools(request: GenerationRequest) -> None:
    names = [tool.name for tool in request.tools]
    if len(set(names)) < len(names):
        raise wrong("tools", "two tools have the same name")
    if request.tool_choice in ("auto", "none"):
        return
    if not names:
        raise wrong("tool_choice", "there are no tools to choose from")
    if request.tool_choice != "required" and request.tool_choice not in names:
        raise wrong("tool_choice", f"there is no tool {request.tool_choice!r}")


def wrong(name: str, what: str) -> InvalidRequest:
    """The error for a field."""
    return InvalidRequest(f"{name}: {what}.", field=name)
