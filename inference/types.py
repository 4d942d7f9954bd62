"""The plain values that cross every layer and the process boundary.

Everything here is a frozen dataclass of strings, numbers, tuples and JSON-like dicts, so that a
value can be sent to a worker process as JSON (`encode`/`decode`) and never drags an ORM row along.
"""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from common.types import JSON

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "cancelled", "error"]

INTERACTIVE, AGENT, BATCH = 0, 1, 2  # priorities: a lower number is served first
OVERTIME = 0.5  # seconds that an answer whose time is up has to end in good order


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call that a model made. `arguments` is JSON text exactly as the model wrote it. `fault`
    says what in them breaks the tool's schema, where no grammar could hold all of it."""

    id: str
    name: str
    arguments: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One turn of a conversation, in the OpenAI chat convention."""

    role: Role
    content: str = ""
    tool_calls: tuple[WrittenCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: JSON


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. Temperature 0 is greedy; top_k 0 and min_p 0 are off.

    `repetition_guard` ends an answer that runs in a circle, whatever engine writes it.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    repetition_guard: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """What a number of a request may be: from `low` to `high`; `is_open`: above `low`, not at it.
    `help` tells people what it does."""

    name: str
    low: float
    high: float
    help: str = ""
    is_open: bool = False
    is_whole: bool = False

    def allows(self, value: float) -> bool:
        """Whether the value lies within; NaN does not."""
        above = self.low < value if self.is_open else self.low <= value
        return above and value <= self.high

    @property
    def words(self) -> str:
        """Say the limit, for messages: "above 0, at most 1"."""
        if self.is_open:
            return f"above {self.low:g}, at most {self.high:g}"
        return f"from {_plain(self.low)} to {_plain(self.high)}"


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


# The one place that knows what sampling may be; defaults stand in Sampling itself.
LIMITS = {
    limit.name: limit
    for limit in (
        Limit("temperature", 0, 2, "0 is exact, 2 is wild."),
        Limit("top_p", 0, 1, "Share of likely words to draw from.", is_open=True),
        Limit("top_k", 0, 2**31 - 1, "Only so many likeliest tokens; 0 is off.", is_whole=True),
        Limit("min_p", 0, 1, "Least probability, as a share of the likeliest; 0 is off."),
        # Nearer to 0 the logits would overflow, and no probability would be a number any more.
        Limit("repetition_penalty", 0.01, 10, "Above 1 repeats less; 1 is off."),
        Limit("presence_penalty", -2, 2, "Above 0 brings new topics; 0 is off."),
        Limit("frequency_penalty", -2, 2, "Above 0 repeats words less; 0 is off."),
        Limit("seed", 0, 2**64 - 1, "The same seed draws the same answer.", is_whole=True),
    )
}
REPETITION_GUARD_HELP = "Ends an answer that runs in a circle."
TOP_LOGPROBS = Limit("top_logprobs", 0, 20, "Alternatives told with each token.", is_whole=True)
LOGIT_BIAS = Limit("logit_bias", -100, 100, "Added to a token's logit.")
MOST_BIASES = 1024
MOST_STOPS = 16
STOPS_WORDS = f"at most {MOST_STOPS} texts, none of them empty"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the output must match, token by token.

    kind: "json_schema" (`value` is the schema), "json_object" (value None), "lark", "regex"
    (value is the text) or "choice" (value is a list of strings). A schema that is not `strict` is
    kept as far as a grammar can hold it; "lark" may be written as GBNF too.
    """

    kind: Literal["json_schema", "json_object", "lark", "regex", "choice"]
    value: Any = None
    strict: bool = True


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation: of `messages` (rendered by the chat template), of a raw `prompt`, or of one
    that is given as tokens. What is written stands before the `suffix`, where there is one.

    `model` is a model id; "" means the default one. `max_tokens` None means DEFAULT_MAX_TOKENS;
    it is capped by what the context has left; 0, of a raw prompt, writes nothing. `logit_bias` is
    added to the logits of tokens, by their ids. `tool_choice` is "auto", "none", "required" or a
    tool's name. `top_logprobs` None gives no logprobs, 0 gives those of the chosen tokens only.
    `echo_prompt` asks for the prompt as the model is given it, in `Delta.prompt`; `prompt_logprobs`
    for how likely its tokens were, as many alternatives as `top_logprobs` says. `unsaid` names
    the sampling values that nobody has said: they become those of the model's makers. `seconds`
    ends the answer after so long, whatever it is at: waiting for its model (TimeUp then), for its
    turn, reading the prompt, writing.
    """

    messages: tuple[PromptMessage, ...] = ()
    prompt: str | None = None
    prompt_tokens: tuple[int, ...] = ()
    suffix: str = ""
    model: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    unsaid: tuple[str, ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    constraint: Constraint | None = None
    top_logprobs: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    priority: int = INTERACTIVE
    owner: str = ""
    echo_prompt: bool = False
    prompt_logprobs: bool = False
    seconds: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_raw(self) -> bool:
        """Whether no chat template has to do with it."""
        return self.prompt is not None or bool(self.prompt_tokens)


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, and where the time went, in seconds.

    `cached_tokens` of the prompt were not computed anew; `cache_miss` says in words why there were
    no more of them, where that is of interest. `forced_tokens` of the completion followed from the
    grammar and cost no decode step. `stopped_by` is "repetition" where the guard ended the answer,
    and "time" where its `seconds` were up.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_miss: str = ""
    completion_tokens: int = 0
    forced_tokens: int = 0
    queue_seconds: float = 0.0
    prefill_seconds: float = 0.0
    first_token_seconds: float = 0.0  # from submission to the first token
    decode_seconds: float = 0.0
    stopped_by: Literal["", "repetition", "time"] = ""

    @property
    def tokens_per_second(self) -> float | None:
        """The pace from the first token on; None of an answer without a second one."""
        if self.completion_tokens < 2 or not self.decode_seconds:
            return None
        return (self.completion_tokens - 1) / self.decode_seconds


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token: its text, natural-log probability, and the likeliest alternatives. Of the first of
    a prompt there is no probability."""

    token: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """What one decode step adds to one answer. The last has a finish_reason and the usage.

    `tool_calls` holds whole calls only: a call is given out when it is complete and parsed.
    `prompt` stands in the first, where the request asks for it: the text that the template gave,
    or the messages as JSON where a server renders them. So does `prompt_logprobs`.
    """

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[WrittenCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    prompt: str = ""
    prompt_logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: the deltas of a stream, put together."""

    text: str
    thinking: str
    tool_calls: tuple[WrittenCall, ...]
    logprobs: tuple[TokenLogprob, ...]
    finish_reason: FinishReason
    usage: Usage
    model: str
    prompt: str = ""
    prompt_logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What an engine says of a loaded model. Sizes in bytes; abilities as short words
    ("tools", "thinking", "grammar", "logprobs"). `runtime` names what computes, for people, and
    `runtime_notes` why something faster does not."""

    context_length: int
    parameters: int = 0
    weight_bytes: int = 0
    abilities: tuple[str, ...] = ()
    device: str = ""
    runtime: str = ""
    runtime_notes: tuple[str, ...] = ()


def encode(value: Any) -> JSON:
    """A dataclass of this module as JSON-ready plain values."""
    return dataclasses.asdict(value)


def decode_request(data: JSON) -> GenerationRequest:
    """The inverse of `encode` for a GenerationRequest."""
    plain = dict(data)
    plain["messages"] = tuple(decode_message(m) for m in data["messages"])
    plain["sampling"] = Sampling(**data["sampling"])
    plain["stop"] = tuple(data["stop"])
    plain["unsaid"] = tuple(data["unsaid"])
    plain["prompt_tokens"] = tuple(data["prompt_tokens"])
    plain["logit_bias"] = tuple((token, bias) for token, bias in data["logit_bias"])
    plain["tools"] = tuple(ToolSpec(**t) for t in data["tools"])
    plain["constraint"] = Constraint(**data["constraint"]) if data["constraint"] else None
    return GenerationRequest(**plain)


def decode_message(data: JSON) -> PromptMessage:
    """A PromptMessage from its JSON form; unknown fields raise TypeError."""
    calls = tuple(WrittenCall(**call) for call in data.get("tool_calls") or ())
    return PromptMessage(**{**data, "tool_calls": calls})


def encode_delta(delta: Delta) -> JSON:
    """A Delta as JSON-ready values, without its empty fields: one is sent for each token."""
    return {key: value for key, value in dataclasses.asdict(delta).items() if value}


def decode_delta(data: JSON) -> Delta:
    """The inverse of `encode_delta`."""
    plain = dict(data)
    plain["tool_calls"] = tuple(WrittenCall(**call) for call in data.get("tool_calls", ()))
    for key in ("logprobs", "prompt_logprobs"):
        plain[key] = tuple(map(_decode_logprob, data.get(key, ())))
    plain["usage"] = Usage(**data["usage"]) if "usage" in data else None
    return Delta(**plain)


def _decode_logprob(entry: JSON) -> TokenLogprob:
    top = tuple((text, value) for text, value in entry["top"])
    return TokenLogprob(token=entry["token"], logprob=entry["logprob"], top=top)
