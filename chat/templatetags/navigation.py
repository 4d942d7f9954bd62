"""Which part of the site a page belongs to."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def within(path: str, address: str) -> bool:
    """Tell whether a page's path is the address or lies below it."""
    return path.startswith(address)
