"""What the routes of models take, as checked JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from inference.library.engines import CHOICES


class SearchSerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        max_length=200, help_text="Words of the name, such as llama 3.2 instruct."
    )


class LoadSerializer(serializers.Serializer[Any]):
    wait = serializers.BooleanField(
        default=True, help_text="Answer when it is loaded; false: at once, with status 202."
    )


class EngineSerializer(serializers.Serializer[Any]):
    engine = serializers.ChoiceField(
        choices=CHOICES, help_text="auto: it follows the model and the machine."
    )
