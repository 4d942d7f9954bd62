"""What OpenAI's routes take, as checked JSON. Fields that are not known are ignored."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from rest_framework import serializers

from chat.api.fields import Flag, Text, Whole
from chat.api.forms import FormsSerializer
from chat.api.openai_bodies import ChatShape, TextShape
from chat.api.serializers import (
    LARGEST_INTEGER,
    MAX_MESSAGES,
    MODEL_HELP,
    MessageSerializer,
    SamplingSerializer,
)
from chat.api.structure import LogitBias, Prompt, RawPrompt, Schema, ToolChoice, Unsupported
from chat.limits import field_limits
from inference.types import (
    TOP_LOGPROBS,
    GenerationRequest,
    PromptMessage,
    Sampling,
    ToolSpec,
)

MAX_CHOICES = 16
MAX_TOOLS = 128
COMPLETION_MAX_TOKENS = 16  # OpenAI's default for text completions
DEFAULT_NAMES = ("", "default", "cortex")  # what clients write where a name is asked for
NO_PARAMETERS = {"type": "object", "properties": {}}
NAME = r"^[A-Za-z0-9_-]{1,64}\Z"


class StreamOptionsSerializer(serializers.Serializer[Any]):
    include_usage = Flag(required=False, allow_null=True)


class CommonSerializer(SamplingSerializer, FormsSerializer):
    """What chat and text completions have in common."""

    model = Text(
        required=False,
        allow_null=True,
        max_length=255,
        help_text=f'{MODEL_HELP} So it does for "default" and "cortex".',
    )
    seed = Whole(
        min_value=-LARGEST_INTEGER - 1,
        max_value=LARGEST_INTEGER,
        required=False,
        allow_null=True,
    )
    max_tokens = Whole(min_value=1, max_value=LARGEST_INTEGER, required=False, allow_null=True)
    n = Whole(min_value=1, max_value=MAX_CHOICES, required=False, allow_null=True)
    stream = Flag(required=False, allow_null=True)
    stream_options = StreamOptionsSerializer(required=False, allow_null=True)
    logit_bias = LogitBias(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("stream_options") is not None and not attrs.get("stream"):
            raise serializers.ValidationError({"stream_options": "Needs stream: true."})
        return super().validate(attrs)

    @property
    def streams(self) -> bool:
        return bool(self.validated_data.get("stream"))

    @property
    def includes_usage(self) -> bool:
        options = self.validated_data.get("stream_options") or {}
        return bool(options.get("include_usage"))

    @property
    def constraint_field(self) -> str:
        """Which field says what the answer must match."""
        return self.form[0] if self.form else "tools"

    def common(self, owner: str) -> GenerationRequest:
        """Give what is in both of them, as the inference layer knows it."""
        data = self.validated_data
        sampling, unsaid = self.sampling()
        return GenerationRequest(
            model=model_meant(data.get("model") or ""),
            sampling=sampling,
            unsaid=unsaid,
            stop=data.get("stop") or (),
            constraint=self.form[1] if self.form else None,
            logit_bias=data.get("logit_bias") or (),
            owner=owner,
        )

    def sampling(self) -> tuple[Sampling, tuple[str, ...]]:
        """Any 64-bit seed is taken; the engine wants it positive."""
        sampling, unsaid = self.build(self.validated_data)
        seed = None if sampling.seed is None else sampling.seed & LARGEST_INTEGER
        return dataclasses.replace(sampling, seed=seed), unsaid


class OpenAIFunctionSerializer(serializers.Serializer[Any]):
    name = serializers.RegexField(NAME)
    description = Text(required=False, allow_null=True)
    parameters = Schema(required=False, allow_null=True)


class OpenAIToolSerializer(serializers.Serializer[Any]):
    """A function that the model may call."""

    type = serializers.ChoiceField(choices=["function"])
    function = OpenAIFunctionSerializer()

    @staticmethod
    def build(data: dict[str, Any]) -> ToolSpec:
        function = data["function"]
        parameters = function.get("parameters") or NO_PARAMETERS
        return ToolSpec(function["name"], function.get("description") or "", parameters)


class OpenAIMessageSerializer(MessageSerializer):
    """A message; `developer` is OpenAI's newer word for `system`."""

    role = serializers.ChoiceField(choices=["developer", *MessageSerializer.roles])

    @staticmethod
    def build(data: dict[str, Any]) -> PromptMessage:
        role = "system" if data["role"] == "developer" else data["role"]
        return MessageSerializer.build({**data, "role": role})


class OpenAIChatSerializer(CommonSerializer):
    """POST /v1/chat/completions."""

    messages: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OpenAIMessageSerializer(), allow_empty=False, max_length=MAX_MESSAGES
    )
    max_completion_tokens = Whole(
        min_value=1, max_value=LARGEST_INTEGER, required=False, allow_null=True
    )
    tools: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=OpenAIToolSerializer(), max_length=MAX_TOOLS, required=False, allow_null=True
    )
    tool_choice = ToolChoice(required=False, allow_null=True)
    parallel_tool_calls = Flag(required=False, allow_null=True)
    logprobs = Flag(required=False, allow_null=True)
    top_logprobs = Whole(allow_null=True, **field_limits(TOP_LOGPROBS))
    functions = Unsupported()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("top_logprobs") is not None and not attrs.get("logprobs"):
            raise serializers.ValidationError({"top_logprobs": "Needs logprobs: true."})
        return super().validate(attrs)

    def shape(self) -> ChatShape:
        data = self.validated_data
        return ChatShape(data.get("n") or 1, logprobs=bool(data.get("logprobs")))

    def requests(self, owner: str) -> list[GenerationRequest]:
        """One request a choice."""
        data = self.validated_data
        parallel = data.get("parallel_tool_calls")
        request = dataclasses.replace(
            self.common(owner),
            messages=tuple(OpenAIMessageSerializer.build(each) for each in data["messages"]),
            max_tokens=data.get("max_completion_tokens") or data.get("max_tokens"),
            tools=tuple(OpenAIToolSerializer.build(tool) for tool in data.get("tools") or ()),
            tool_choice=data.get("tool_choice") or "auto",
            parallel_tool_calls=True if parallel is None else parallel,
            top_logprobs=(data.get("top_logprobs") or 0) if data.get("logprobs") else None,
        )
        return choices(request, data.get("n") or 1)


class OpenAICompletionSerializer(CommonSerializer):
    """POST /v1/completions."""

    prompt = Prompt()
    echo = Flag(required=False, allow_null=True)
    logprobs = Whole(min_value=0, max_value=5, required=False, allow_null=True)
    suffix = Text(required=False, allow_null=True, help_text="What stands after the answer.")
    max_tokens = Whole(
        min_value=0,
        max_value=LARGEST_INTEGER,
        required=False,
        allow_null=True,
        help_text="0, with `echo`, gives the prompt alone.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs["prompt"]) * (attrs.get("n") or 1) > MAX_CHOICES:
            message = f"At most {MAX_CHOICES} answers can be asked for at once."
            raise serializers.ValidationError({"prompt": message})
        if attrs.get("suffix") and not all(isinstance(each, str) for each in attrs["prompt"]):
            raise serializers.ValidationError({"suffix": "Needs a prompt that is a text."})
        return super().validate(attrs)

    def shape(self) -> TextShape:
        data = self.validated_data
        echoes = [
            (each if isinstance(each, str) else None) if data.get("echo") else ""
            for each in data["prompt"]
            for _ in range(data.get("n") or 1)
        ]
        return TextShape(echoes, logprobs=data.get("logprobs") is not None)

    def requests(self, owner: str) -> list[GenerationRequest]:
        """One request a choice, prompt by prompt."""
        data = self.validated_data
        return [
            request
            for prompt in data["prompt"]
            for request in choices(self._request(prompt, owner), data.get("n") or 1)
        ]

    def _request(self, prompt: RawPrompt, owner: str) -> GenerationRequest:
        data = self.validated_data
        is_text, echo, most = (
            isinstance(prompt, str),
            bool(data.get("echo")),
            data.get("max_tokens"),
        )
        return dataclasses.replace(
            self.common(owner),
            prompt=prompt if isinstance(prompt, str) else None,
            prompt_tokens=() if isinstance(prompt, str) else prompt,
            suffix=data.get("suffix") or "",
            max_tokens=COMPLETION_MAX_TOKENS if most is None else most,
            top_logprobs=data.get("logprobs"),
            echo_prompt=echo and not is_text,
            prompt_logprobs=echo and data.get("logprobs") is not None,
        )


def model_meant(name: str) -> str:
    """The model's id; "" for the default one, which clients name in more ways."""
    return "" if name.lower() in DEFAULT_NAMES else name


def choices(request: GenerationRequest, count: int) -> list[GenerationRequest]:
    """Make the request once for each of its `n` choices, each with a seed of its own."""
    return [
        dataclasses.replace(request, id=uuid.uuid4().hex, sampling=_seeded(request.sampling, index))
        for index in range(count)
    ]


def _seeded(sampling: Sampling, index: int) -> Sampling:
    if sampling.seed is None:
        return sampling
    return dataclasses.replace(sampling, seed=(sampling.seed + index) & LARGEST_INTEGER)
