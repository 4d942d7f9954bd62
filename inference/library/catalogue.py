"""The models that people can pick: the recommended ones, and what lies on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.db import Error as DatabaseError

from common.disk import disk_full_seen
from inference.library import embedded, hub
from inference.library.engines import engine_for
from inference.library.facts import FACTS
from inference.library.folders import Stamp
from inference.library.ids import is_id
from inference.library.places import lmstudio, ollama, own
from inference.library.places.found import Found
from inference.models import LanguageModel

logger = logging.getLogger(__name__)

Source, State = LanguageModel.Source, LanguageModel.State
PLACES = (own, lmstudio, ollama)  # the first to have a model is where it is loaded from
IN_PLACE = (Source.FOLDER, Source.LMSTUDIO, Source.OLLAMA)
RESTING = (State.UNLOADED, State.FAILED, State.PAUSED)
PATH_LENGTH = 1024
GONE = "Its files are not there any more."
_synced: Stamp | None = None  # the folders at the last sync


def catalogue_sync() -> None:
    """Bring the rows in line with what can be offered now. They keep what they know; those of
    models that were found in place go with their files."""
    global _synced
    stamp = _stamp()  # before the scan: what changes meanwhile is seen the next time
    found = _best()
    rows = {row.name: row for row in LanguageModel.objects.all()}
    for model in found.values():
        if row := rows.get(model.name):
            if changes := _changes(row, model):
                LanguageModel.objects.filter(pk=row.pk).update(**changes)
        else:
            model_add(model)
    for row in rows.values():
        if row.name not in found and _is_gone(row):
            _gone(row)
    _synced = stamp


def catalogue_follow() -> None:
    """Sync if the folders of models have changed since the last time. Lists are polled: what
    has not changed costs a few looks at folders, no scan and no write. While nothing can be
    written, what is known can be read."""
    if _stamp() == _synced:
        return
    try:
        catalogue_sync()
    except DatabaseError as error:
        if not disk_full_seen(error, "the list of models"):
            logger.warning("The list of models may be out of date: %s", error)


def model_add(model: Found) -> LanguageModel:
    """Give the model a row, if it has none."""
    fields = {
        "source": model.source,
        "path": model.path,
        "format": model.format,
        "quantization": model.quantization,
        "problem": model.problem,
        "note": model.note,
        "sampling": model.sampling,
        "size_bytes": model.size_bytes,
        "context_length": model.context_length,
        "parameters": model.parameters,
        "for_mlx": model.for_mlx,
        "engine": engine_for(model.format, for_mlx=model.for_mlx),
    }
    return LanguageModel.objects.get_or_create(name=model.name, defaults=fields)[0]


def _changes(row: LanguageModel, model: Found) -> dict[str, Any]:
    """List what the row does not know yet. A model that works from where it lies stays there."""
    if row.source == Source.REMOTE or row.state not in RESTING:
        return {}
    elsewhere = bool(row.path) and row.path != model.path
    if elsewhere and not row.problem and os.path.exists(row.path):
        return {}
    wanted: dict[str, Any] = {
        "source": model.source,
        "path": model.path,
        "problem": model.problem,
        "note": model.note,
    }
    if model.is_here:
        wanted["sampling"] = model.sampling
    if model.format:
        wanted["format"] = model.format
    if model.quantization:
        wanted["quantization"] = model.quantization
    if model.size_bytes and (model.source in IN_PLACE or not row.size_bytes):
        wanted["size_bytes"] = model.size_bytes
    if model.context_length and not row.context_length:
        wanted["context_length"] = model.context_length
    if model.parameters and not row.parameters:
        wanted["parameters"] = model.parameters
    if model.is_here:
        wanted["for_mlx"] = model.for_mlx
    if model.format and not row.engine_is_chosen:
        for_mlx = wanted.get("for_mlx", row.for_mlx)
        wanted["engine"] = engine_for(model.format, for_mlx=for_mlx)
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def _is_gone(row: LanguageModel) -> bool:
    """Say whether the files of a model that is found no more were taken away. What the hub has can
    be fetched again, unless nobody ever did more than try."""
    if row.source in IN_PLACE:
        return not os.path.exists(row.path)
    return row.source == Source.HUGGINGFACE and bool(row.problem)


def _gone(row: LanguageModel) -> None:
    """Forget a model whose files were taken away; one that is in use, or the default, tells."""
    if row.state in RESTING and not row.is_default:
        row.delete()
    elif row.problem != GONE:
        LanguageModel.objects.filter(pk=row.pk).update(problem=GONE)


def _stamp() -> Stamp:
    return hub.cache_stamp() + tuple(entry for place in PLACES for entry in place.stamp())


def _best() -> dict[str, Found]:
    """Find everything, each id once: sound and here before what is to be fetched."""
    best: dict[str, Found] = {}
    for model in filter(_has_room, _everything()):
        known = best.get(model.name)
        if known is None or model.rank < known.rank:
            best[model.name] = model
    return best


def _has_room(model: Found) -> bool:
    """Say whether a row can hold it: very long names of files make no id."""
    return is_id(model.name) and len(model.path) <= PATH_LENGTH


def _everything() -> Iterator[Found]:
    if embedded.is_available():
        yield Found(
            embedded.MODEL,
            Source.EMBEDDED,
            format=FACTS[embedded.MODEL].format,
            for_mlx=True,
            sampling=embedded.SAMPLING,
        )
    for fact in FACTS.values():
        if fact.name != embedded.MODEL:
            yield replace(hub.to_fetch(fact.name), format=fact.format)
    yield from hub.cached()
    for place in PLACES:
        yield from place.find()
