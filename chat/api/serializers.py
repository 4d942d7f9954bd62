"""What the native chat routes take and give, as checked JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rest_framework import serializers

from chat.api.fields import Content, Flag, Number, Stop, Text, Whole
from chat.limits import field_limits
from inference import services as inference
from inference.types import (
    LIMITS,
    REPETITION_GUARD_HELP,
    GenerationRequest,
    PromptMessage,
    Sampling,
    WrittenCall,
)

MAX_MESSAGES = 10_000
ASK_MAX_TOKENS = 128_000
LARGEST_INTEGER = 2**63 - 1
LEAST_TOP_P = 1e-6  # what top_p 0 means: the likeliest token alone
MODEL_HELP = "A model's id; the default model answers when it is missing."


class FunctionCallSerializer(serializers.Serializer[Any]):
    name = Text(allow_blank=False)
    arguments = Text(help_text="JSON text, exactly as the model wrote it.")


class ToolCallSerializer(serializers.Serializer[Any]):
    """A call that an assistant made earlier in the conversation."""

    id = Text()
    type = serializers.ChoiceField(choices=["function"], default="function")
    function = FunctionCallSerializer()


class MessageSerializer(serializers.Serializer[Any]):
    """One turn of the conversation, in the OpenAI convention."""

    roles = ("system", "user", "assistant", "tool")

    role = serializers.ChoiceField(choices=roles)
    content = Content(required=False, allow_null=True)
    name = Text(required=False, allow_null=True)
    tool_calls: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ToolCallSerializer(), required=False, allow_null=True
    )
    tool_call_id = Text(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("content") is None and not attrs.get("tool_calls"):
            raise serializers.ValidationError({"content": "This field is required."})
        return attrs

    @staticmethod
    def build(data: dict[str, Any]) -> PromptMessage:
        """Give the message as the inference layer knows it."""
        return PromptMessage(
            role=data["role"],
            content=data.get("content") or "",
            tool_calls=tuple(
                WrittenCall(call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in data.get("tool_calls") or ()
            ),
            tool_call_id=data.get("tool_call_id"),
            name=data.get("name"),
        )


def _number(name: str) -> Number:
    return Number(allow_null=True, **field_limits(LIMITS[name]))


def _whole(name: str) -> Whole:
    return Whole(allow_null=True, **field_limits(LIMITS[name]))


class SamplingSerializer(serializers.Serializer[Any]):
    """How the next token is drawn; what is missing or null is as settings or makers say."""

    temperature = _number("temperature")
    # OpenAI takes 0 for the likeliest token alone, and so does `build`.
    top_p = Number(allow_null=True, **field_limits(replace(LIMITS["top_p"], is_open=False)))
    top_k = _whole("top_k")
    min_p = _number("min_p")
    repetition_penalty = _number("repetition_penalty")
    presence_penalty = _number("presence_penalty")
    frequency_penalty = _number("frequency_penalty")
    seed = _whole("seed")
    repetition_guard = Flag(required=False, allow_null=True, help_text=REPETITION_GUARD_HELP)
    stop = Stop(required=False, allow_null=True)

    @staticmethod
    def build(data: dict[str, Any]) -> tuple[Sampling, tuple[str, ...]]:
        """Give the sampling of validated data, and what it leaves unsaid."""
        given = {
            name: data[name] for name in Sampling.__dataclass_fields__ if data.get(name) is not None
        }
        if given.get("top_p") == 0:
            given["top_p"] = LEAST_TOP_P
        return inference.sampling_make(given)


class ChatRequestSerializer(SamplingSerializer):
    """A conversation to be answered."""

    messages: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=MessageSerializer(), allow_empty=False, max_length=MAX_MESSAGES
    )
    model = Text(required=False, allow_null=True, max_length=255, help_text=MODEL_HELP)
    max_tokens = Whole(
        min_value=1,
        max_value=LARGEST_INTEGER,
        required=False,
        allow_null=True,
        help_text="At most so many tokens; capped by what the context has left.",
    )
    stream = Flag(
        required=False,
        allow_null=True,
        help_text="True makes /api/chat/completions answer as /api/chat/completions/stream does.",
    )

    def generation(self, owner: str) -> GenerationRequest:
        """Give the validated request as the inference layer knows it."""
        data = self.validated_data
        sampling, unsaid = self.build(data)
        return GenerationRequest(
            messages=tuple(MessageSerializer.build(message) for message in data["messages"]),
            model=data.get("model") or "",
            sampling=sampling,
            unsaid=unsaid,
            max_tokens=data.get("max_tokens"),
            stop=data.get("stop") or (),
            owner=owner,
        )


class AskRequestSerializer(serializers.Serializer[Any]):
    """A single question."""

    question = Text(allow_blank=False)
    max_tokens = Whole(min_value=1, max_value=LARGEST_INTEGER, required=False, allow_null=True)

    def generation(self, owner: str) -> GenerationRequest:
        """Give the question as a conversation of one message."""
        data = self.validated_data
        sampling, unsaid = SamplingSerializer.build({})
        return GenerationRequest(
            messages=(PromptMessage(role="user", content=data["question"]),),
            sampling=sampling,
            unsaid=unsaid,
            max_tokens=data.get("max_tokens") or ASK_MAX_TOKENS,
            owner=owner,
        )
