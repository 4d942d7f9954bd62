"""`{% agents_enabled as on %}`: whether agents may be offered."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def agents_enabled() -> bool:
    return bool(settings.ENABLE_AGENTS)
