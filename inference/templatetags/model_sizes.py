"""Numbers of models, for people."""

from __future__ import annotations

from django import template

from inference.loaded.slots import gigabytes as gigabytes_of

register = template.Library()


@register.filter
def gigabytes(size: int) -> str:
    """Memory in binary gigabytes, as MODEL_MEMORY_LIMIT is given."""
    return gigabytes_of(size)


@register.filter
def thousands(number: int) -> str:
    """With a thin gap between the thousands."""
    return f"{number:,}".replace(",", "\u202f")
