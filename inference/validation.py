"""What a request must be like, checked in one place for every road that leads to a model."""

from __future__ import annotations

from common.errors import InvalidRequest
from inference.types import (
    LIMITS,
    LOGIT_BIAS,
    MOST_STOPS,
    STOPS_WORDS,
    TOP_LOGPROBS,
    GenerationRequest,
)


def request_check(request: GenerationRequest) -> None:
    """Raise InvalidRequest with details["field"] unless the request can be served as it stands."""
    values_check(request)
    _check_tools(request)


def values_check(request: GenerationRequest) -> None:
    """Check input, sampling and limits: all but the tools, which the model's process sees to
    itself when it looks for the calls that are wanted."""
    _check_input(request)
    _check_sampling(request)
    _check_limits(request)


def _check_input(request: GenerationRequest) -> None:
    if request.is_raw and request.messages:
        raise wrong("prompt", "give either messages or a prompt, not both")
    if request.prompt is not None and request.prompt_tokens:
        raise wrong("prompt", "give either a text or tokens, not both")
    if not request.is_raw and not request.messages:
        raise wrong("messages", "at least one message is needed")
    if request.suffix and request.prompt is None:
        raise wrong("suffix", "needs a prompt that is a text")
    for index, message in enumerate(request.messages):
        if message.role not in ("system", "user", "assistant", "tool"):
            raise wrong(f"messages.{index}.role", f"unknown role {message.role!r}")


def _check_sampling(request: GenerationRequest) -> None:
    for name, limit in LIMITS.items():
        value = getattr(request.sampling, name)
        if value is not None and not limit.allows(value):
            raise wrong(name, f"{value} is not {limit.words}")


def _check_limits(request: GenerationRequest) -> None:
    least = 0 if request.is_raw else 1
    if request.max_tokens is not None and request.max_tokens < least:
        raise wrong("max_tokens", f"must be {least} or more")
    if not all(LOGIT_BIAS.allows(bias) for _, bias in request.logit_bias):
        raise wrong("logit_bias", f"must be {LOGIT_BIAS.words}")
    if len(request.stop) > MOST_STOPS or not all(request.stop):
        raise wrong("stop", STOPS_WORDS)
    if request.top_logprobs is not None and not TOP_LOGPROBS.allows(request.top_logprobs):
        raise wrong("top_logprobs", f"must be {TOP_LOGPROBS.words}")


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
