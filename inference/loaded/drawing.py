"""How the answers of a model are drawn: as the request says, else the settings, else its makers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from inference.models import LanguageModel
from inference.types import LIMITS, Sampling


def sampling_make(given: Mapping[str, Any]) -> tuple[Sampling, tuple[str, ...]]:
    """Make the sampling of a request that says `given`: what it leaves out is as the settings say.
    The names of what nobody has said come with it, for `GenerationRequest.unsaid`."""
    said: dict[str, Any] = {"repetition_guard": settings.REPETITION_GUARD}
    if settings.DEFAULT_TEMPERATURE is not None:
        said["temperature"] = settings.DEFAULT_TEMPERATURE
    if settings.DEFAULT_TOP_P is not None:
        said["top_p"] = settings.DEFAULT_TOP_P
    said |= given
    return Sampling(**said), tuple(name for name in LIMITS if name not in said)


def as_its_makers(row: LanguageModel, sampling: Sampling, unsaid: Iterable[str]) -> Sampling:
    """Give what nobody has said the values of the model's makers."""
    return replace(
        sampling, **{name: row.sampling[name] for name in unsaid if name in row.sampling}
    )


def sampling_of(row: LanguageModel) -> Sampling:
    """Say what holds where a request says nothing."""
    return as_its_makers(row, *sampling_make({}))
