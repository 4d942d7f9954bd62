"""What the routes of runs and agents take, as checked JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from agents.limits import MOST_ITERATIONS
from agents.models import HIGHEST_SEQ, Run


class PlanSerializer(serializers.Serializer[Any]):
    goal = serializers.CharField(max_length=20_000, help_text="What is to be achieved.")
    model = serializers.CharField(
        max_length=255, default="", allow_blank=True, help_text="A model id; else the default one."
    )


class ExecuteSerializer(PlanSerializer):
    max_iterations = serializers.IntegerField(
        min_value=1,
        max_value=MOST_ITERATIONS,
        required=False,
        help_text="Else MAX_AGENT_ITERATIONS.",
    )
    verbose = serializers.BooleanField(
        required=False,
        help_text="Whether the steps are in the response; else DEFAULT_AGENT_VERBOSE.",
    )
    context = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="What the model should know as well."
    )
    tools = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        help_text="Names of the tools it may use; else all that are enabled.",
    )
    plan_first = serializers.BooleanField(default=False, help_text="Make a plan before step 1.")
    max_seconds = serializers.FloatField(
        min_value=0, max_value=86_400, default=0, help_text="Time budget; 0 is MAX_AGENT_SECONDS."
    )
    max_tokens = serializers.IntegerField(
        min_value=0,
        max_value=10_000_000,
        default=0,
        help_text="Budget of written tokens; 0 is none.",
    )
    max_tool_calls = serializers.IntegerField(
        min_value=0, max_value=1000, default=0, help_text="Budget of tool calls; 0 is none."
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data.setdefault("max_iterations", settings.MAX_AGENT_ITERATIONS)
        data.setdefault("verbose", settings.DEFAULT_AGENT_VERBOSE)
        return data


class ForkSerializer(serializers.Serializer[Any]):
    step = serializers.IntegerField(
        min_value=1, max_value=1000, help_text="The step from which the new run goes its own way."
    )
    thought = serializers.CharField(required=False, max_length=20_000, allow_blank=True)
    action = serializers.CharField(required=False, max_length=64)
    action_input = serializers.DictField(required=False)
    observation = serializers.CharField(required=False, max_length=100_000, allow_blank=True)
    model = serializers.CharField(required=False, max_length=255)


class RunQuerySerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(Run.State.choices, required=False)
    kind = serializers.CharField(max_length=20, required=False)
    page_size = serializers.IntegerField(min_value=1, max_value=200, required=False)


class EventQuerySerializer(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0,
        max_value=HIGHEST_SEQ,
        default=0,
        help_text="Number of the last event you have.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=1000, default=500, help_text="Of the JSON answer."
    )


class DecisionSerializer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(["allow", "deny"])
    arguments = serializers.DictField(
        required=False, allow_null=True, default=None, help_text="Instead of the model's own."
    )
