"""The limits of numbers, as fields of forms and serializers take them, and what holds without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.validators import MinValueValidator
from django.utils.deconstruct import deconstructible

from inference.types import LIMITS, Limit

# What a conversation may be set to: what sampling takes, as far as the database holds it.
SETTING_LIMITS = {
    **LIMITS,
    "max_tokens": Limit("max_tokens", 1, 2**31 - 1, "In tokens.", is_whole=True),
    "seed": replace(LIMITS["seed"], high=2**63 - 1),
}


@deconstructible
class AboveValidator(MinValueValidator):
    """Refuse the limit itself, too."""

    message = "Ensure this value is greater than %(limit_value)s."

    def compare(self, a: Any, b: Any) -> bool:
        return bool(a <= b)


def field_limits(limit: Limit) -> dict[str, Any]:
    """Build the arguments of a number's field, which may be left out."""
    arguments = {"max_value": limit.high, "required": False, "help_text": limit.help}
    if limit.is_open:
        return {**arguments, "validators": [AboveValidator(limit.low)]}
    return {**arguments, "min_value": limit.low}
