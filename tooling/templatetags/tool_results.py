"""Filters that bring a tool's arguments and results into a shape for people."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

register = template.Library()

PREVIEW = 80  # characters
HIT = {"title", "url", "snippet"}


@register.filter
def pretty(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def preview(arguments: dict[str, Any]) -> str:
    """Write the values of the arguments on one short line."""
    parts = [v if isinstance(v, str) else json.dumps(v) for v in arguments.values()]
    line = " ".join(", ".join(parts).split())
    return line if len(line) <= PREVIEW else line[: PREVIEW - 1] + "…"


@register.filter
def hits(value: Any) -> list[dict[str, str]]:
    """Give the value if it is a list of search results that can be linked to, else an empty
    list."""
    if not isinstance(value, list) or not all(_is_hit(item) for item in value):
        return []
    return value


def _is_hit(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() == HIT
        and all(isinstance(text, str) for text in item.values())
        and item["url"].startswith(("http://", "https://"))
    )


@register.filter
def ago(moment: datetime) -> str:
    """How long ago, in one unit."""
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago"
