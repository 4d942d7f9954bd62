"""A GenerationRequest as an OpenAI-compatible server wants it, and its errors as ours."""

from __future__ import annotations

import re
from typing import Any

import openai

from common.errors import CortexError
from common.types import JSON
from inference.errors import ContextOverflow, QueueFull, RemoteEngineError
from inference.types import Constraint, GenerationRequest, PromptMessage, ToolSpec

BODY_LENGTH = 2000  # characters of a foreign error body that are kept
OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (?:size|window)"
    r"|exceeds? the (?:available )?context",
    re.IGNORECASE,
)


def chat_params(request: GenerationRequest) -> JSON:
    """The body of POST /chat/completions."""
    params: JSON = {"messages": [message_json(message) for message in request.messages]}
    params |= _sampling(request)
    if request.tools and request.tool_choice != "none":
        params["tools"] = [_tool(tool) for tool in request.tools]
        params["tool_choice"] = _tool_choice(request.tool_choice)
        if not request.parallel_tool_calls:
            params["parallel_tool_calls"] = False
    if response_format := _response_format(request.constraint):
        params["response_format"] = response_format
    if request.top_logprobs is not None:
        params |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return params


def prompt_params(request: GenerationRequest) -> JSON:
    """The body of POST /completions."""
    prompt = list(request.prompt_tokens) if request.prompt is None else request.prompt
    params: JSON = {"prompt": prompt} | _sampling(request)
    if request.suffix:
        params["suffix"] = request.suffix
    if request.top_logprobs is not None:
        params["logprobs"] = request.top_logprobs
    return params


def _sampling(request: GenerationRequest) -> JSON:
    """What differs from the neutral value; what OpenAI's own API lacks goes into the extra body."""
    sampling = request.sampling
    params: JSON = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional = {
        "max_tokens": request.max_tokens,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "seed": sampling.seed,
        "stop": list(request.stop) or None,
        "logit_bias": {str(token): bias for token, bias in request.logit_bias} or None,
    }
    extra = {
        "top_k": sampling.top_k or None,
        "min_p": sampling.min_p or None,
        "repetition_penalty": None
        if sampling.repetition_penalty == 1.0
        else sampling.repetition_penalty,
    }
    params |= {key: value for key, value in optional.items() if value is not None}
    extra = {key: value for key, value in extra.items() if value is not None}
    return params | ({"extra_body": extra} if extra else {})


def message_json(message: PromptMessage) -> JSON:
    """A turn in OpenAI's form."""
    data: JSON = {"role": message.role, "content": message.content}
    if message.name:
        data["name"] = message.name
    if message.tool_call_id:
        data["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        data["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return data


def _tool(tool: ToolSpec) -> JSON:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}


def _tool_choice(choice: str) -> Any:
    if choice in ("auto", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _response_format(constraint: Constraint | None) -> JSON | None:
    """JSON constraints only: the API knows no other. `describe` does not claim "grammar", so a
    caller knows that it has to read the text of the other kinds with tolerance."""
    if constraint is None:
        return None
    if constraint.kind == "json_object":
        return {"type": "json_object"}
    if constraint.kind == "json_schema":
        schema = {"name": "answer", "schema": constraint.value, "strict": constraint.strict}
        return {"type": "json_schema", "json_schema": schema}
    return None


# --- Errors --------------------------------------------------------------------------------------


def explain(model: str, error: Exception, timeout: float) -> CortexError:
    """What a failure of the client means to the one who asked."""
    if isinstance(error, openai.APITimeoutError):
        return RemoteEngineError(f"{model}: no answer within {timeout:.0f} s.", status=None)
    if isinstance(error, openai.APIStatusError):
        return _explain_status(model, error)
    if isinstance(error, openai.APIConnectionError):
        return RemoteEngineError(f"{model}: the engine cannot be reached.", status=None)
    if isinstance(error, openai.APIError):
        return _explain_text(model, error.message, None)
    if isinstance(error, RecursionError):
        return RemoteEngineError(f"{model}: its answer is nested too deeply.", status=None)
    return RemoteEngineError(f"{model}: the answer broke off ({error}).", status=None)


def _explain_status(model: str, error: openai.APIStatusError) -> CortexError:
    status = error.status_code
    if status in (429, 503):
        full = QueueFull(f"{model}: the engine is busy.", status=status)
        after = error.response.headers.get("retry-after", "")
        full.retry_after = int(after) if after.isdigit() else full.retry_after
        return full
    if status in (401, 403):
        return RemoteEngineError(f"{model}: the engine refused the API key.", status=status)
    return _explain_text(model, error.response.text or error.message, status)


def _explain_text(model: str, body: str, status: int | None) -> CortexError:
    """Context overflow is recognised by what servers say of it; they agree on no status."""
    if OVERFLOW.search(body):
        return _overflow(model, body)
    kept = body[:BODY_LENGTH]
    text = f"{model}: the engine answered with an error" + (f" ({status})." if status else ".")
    return RemoteEngineError(text, status=status, body=kept)


def _overflow(model: str, body: str) -> ContextOverflow:
    """With the two numbers, where the server names them."""
    limit = re.search(r'"n_ctx":\s*(\d+)|context (?:length (?:is|of)|holds) (\d+)', body)
    prompt = re.search(
        r'"n_prompt_tokens":\s*(\d+)|(?:requested|resulted in|prompt has) (\d+) tokens', body
    )
    return ContextOverflow(
        f"The prompt is longer than the context of {model}.",
        prompt_tokens=_number(prompt),
        context_length=_number(limit),
        body=body[:BODY_LENGTH],
    )


def _number(match: re.Match[str] | None) -> int | None:
    return int(next(group for group in match.groups() if group)) if match else None
