"""What the routes of models take, as checked JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SearchSerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        max_length=200, help_text="Words of the name, such as llama 3.2 instruct."
    )


class LoadSerializer(serializers.Serializer[Any]):
    wait = serializers.BooleanField(
        default=True, help_text="Answer when it is loaded; false: at once, with status 202."
    )
