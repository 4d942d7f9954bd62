"""What the layers above do with language models. Synchronous and thread-safe."""

from __future__ import annotations

import dataclasses
import logging
import re
import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction

from inference import catalogue, embedded, hub, metrics, overview, sources
from inference.engines.base import Place
from inference.errors import HubUnreachable, InferenceError, InvalidRequest, ModelNotFound
from inference.folders import folder_check
from inference.generation import Generation, collect, outcome_of
from inference.models import LanguageModel
from inference.overview import ModelInfo
from inference.registry import REGISTRY
from inference.slots import Slot
from inference.types import Completion, GenerationRequest
from inference.validation import request_check

__all__ = ["Generation", "collect", "complete", "generate", "request_check"]

logger = logging.getLogger(__name__)
State = LanguageModel.State

HUB_RETRY = 60.0  # seconds until an unreachable hub is tried again for the default model
_hub_lost_at: dict[str, float] = {}  # model -> when the hub could not be reached for it


# --- Generating ----------------------------------------------------------------------------------


def generate(request: GenerationRequest) -> Generation:
    """Begin an answer; blocks until its model is loaded.

    Raises InferenceErrors: InvalidRequest, ModelNotFound, ModelLoadFailed, QueueFull and so on.
    `Generation.model` tells who answers: the embedded model stands in for a default model that
    cannot be fetched.
    """
    model = metrics.UNKNOWN
    try:
        row = model_resolve(request.model)
        model = row.name
        request_check(request)
        if request.max_tokens is None:
            request = dataclasses.replace(request, max_tokens=settings.DEFAULT_MAX_TOKENS)
        slot = REGISTRY.acquire(row) if request.model else _default_acquire(row)
        model = slot.name
        return Generation(REGISTRY, slot, dataclasses.replace(request, model=model))
    except Exception as error:
        metrics.request_count(model, outcome_of(error))
        raise


def complete(request: GenerationRequest) -> Completion:
    """A whole answer at once."""
    with generate(request) as generation:
        return collect(generation.model, generation)


def queue_place(*, model: str, ahead: int = 0) -> Place:
    """Where a request would stand that comes after all that waits for the model now and after
    `ahead` others. "" is the default model."""
    try:
        slot = REGISTRY.slot(model_resolve(model).name)
    except InferenceError:
        slot = None
    if slot is None or slot.engine is None:
        return Place(ahead + 1, None)
    position = slot.engine.queued() + ahead + 1
    return Place(position, slot.engine.wait(position))


def _default_acquire(row: LanguageModel) -> Slot:
    """The default model's slot, or the embedded one's while the hub cannot be reached."""
    lost_at = _hub_lost_at.get(row.name)
    if lost_at is None or time.monotonic() - lost_at > HUB_RETRY:
        try:
            slot = REGISTRY.acquire(row)
        except HubUnreachable as error:
            if row.name == embedded.MODEL or not embedded.is_available():
                raise
            if lost_at is None:
                logger.warning("%s The embedded model answers instead.", error)
            _hub_lost_at[row.name] = time.monotonic()
        else:
            _hub_lost_at.pop(row.name, None)
            return slot
    return REGISTRY.acquire(model_resolve(embedded.MODEL))


# --- Finding models ------------------------------------------------------------------------------


def model_resolve(name: str) -> LanguageModel:
    """The model of that id; "" is the default one, and `a__b` may stand for `a/b`.

    Raises ModelNotFound for a model that is neither in the catalogue nor on this machine.
    """
    if not name:
        return model_default()
    names = [name, name.replace("__", "/", 1)]
    for candidate in names:
        if row := LanguageModel.objects.filter(name=candidate).first():
            return row
    for candidate in names:
        sources.id_check(candidate)
    catalogue.catalogue_sync()
    if row := LanguageModel.objects.filter(name__in=names).first():
        return row
    raise ModelNotFound(f"There is no model {name!r} here.", model=name)


def model_default() -> LanguageModel:
    """What answers when nobody says which: `serve --model`, else the admin's choice, else
    DEFAULT_MODEL."""
    rows = LanguageModel.objects
    return (
        rows.filter(name=settings.SERVED_MODEL).first()
        or rows.filter(is_default=True).first()
        or model_register(name=settings.DEFAULT_MODEL)
    )


def model_list() -> list[LanguageModel]:
    """Everything that can be picked, the catalogue brought up to date first."""
    catalogue.catalogue_sync()
    return list(LanguageModel.objects.all())


def model_serve(*, name: str) -> LanguageModel:
    """The model for `serve --model <id>`: also one that is only on the hub, to be fetched when it
    is loaded; nobody is asked now."""
    try:
        return model_resolve(name)
    except ModelNotFound:
        if "/" not in name:
            raise
        return model_register(name=name)


def model_serve_folder(path: str | Path) -> LanguageModel:
    """Register the model in a folder, for `serve --model <folder>`."""
    folder = Path(path).expanduser().resolve()
    folder_check(folder)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-.") or "model"
    while LanguageModel.objects.filter(name=name).exclude(path=str(folder)).exists():
        name += "-folder"
    row, _ = LanguageModel.objects.update_or_create(
        name=name,
        defaults={"source": LanguageModel.Source.FOLDER, "path": str(folder), "engine": "mlx"},
    )
    return row


# --- Loading and unloading -----------------------------------------------------------------------
# `by` is who wants it: whoever may use models may load one that is known here; anything else is for
# admins. None is Cortex itself.


def may_manage_models(user: User) -> bool:
    return user.is_active and user.is_staff


def _permit(by: User | None) -> None:
    if by is not None and not may_manage_models(by):
        raise PermissionDenied("Only an admin can change models.")


def model_load(*, name: str, by: User | None = None) -> LanguageModel:
    """Load the model and keep it; blocks until it answers."""
    row = _model_find_or_register(name, by)
    with REGISTRY.use(row):
        row.refresh_from_db()
        return row


def model_load_start(*, name: str, by: User | None = None) -> LanguageModel:
    """Load the model in the background; its row tells how it goes."""
    row = _model_find_or_register(name, by)
    if name:
        REGISTRY.load_start(row)
    else:
        threading.Thread(target=_default_load, name="load default", daemon=True).start()
    row.refresh_from_db()
    return row


def _default_load() -> None:
    """Or what stands in for it. The row and the log tell of errors."""
    try:
        REGISTRY.release(_default_acquire(model_default()))
    except InferenceError as error:
        logger.info("No default model now: %s", error)
    finally:
        connections.close_all()


def _model_find_or_register(name: str, by: User | None) -> LanguageModel:
    """Also a model that is only on the hub: asking to load it is how it gets here."""
    try:
        return model_resolve(name)
    except ModelNotFound:
        repository = name if "/" in name else name.replace("__", "/", 1)
        if "/" not in repository:
            raise
        _permit(by)
        hub.exists_check(repository)
        return model_register(name=repository)


def model_register(*, name: str) -> LanguageModel:
    """A row for a model by id: the embedded one, a folder in MODEL_CACHE_DIR, or of the hub."""
    sources.id_check(name)
    source, path = LanguageModel.Source.HUGGINGFACE, ""
    folder = Path(settings.MODEL_CACHE_DIR) / name
    if name == embedded.MODEL:
        source = LanguageModel.Source.EMBEDDED
    elif folder.is_dir():
        source, path = LanguageModel.Source.FOLDER, str(folder)
    defaults = {"source": source, "path": path}
    return LanguageModel.objects.get_or_create(name=name, defaults=defaults)[0]


def model_unload(*, name: str, by: User | None = None) -> LanguageModel:
    """Free the model's memory. Its running answers end with WorkerLost; a load or a download under
    way is given up. Nothing happens to a model that is not loaded."""
    _permit(by)
    row = model_resolve(name)
    REGISTRY.unload(row.name)
    row.refresh_from_db()
    return row


def model_set_default(*, name: str, by: User | None = None) -> LanguageModel:
    """The model that answers when nobody says which."""
    _permit(by)
    row = model_resolve(name)
    with transaction.atomic():
        LanguageModel.objects.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)
        LanguageModel.objects.filter(pk=row.pk).update(is_default=True)
    row.refresh_from_db()
    return row


def model_delete(*, name: str, by: User | None = None) -> None:
    """Unload the model and remove its files, where they are Cortex's to remove: downloads, half
    ones too, and folders in MODEL_CACHE_DIR. A recommended model stays in the catalogue."""
    _permit(by)
    row = model_resolve(name)
    if row.source == LanguageModel.Source.EMBEDDED:
        raise InvalidRequest(f"{row.name} comes with Cortex and stays.", field="model")
    REGISTRY.unload(row.name)
    if row.source == LanguageModel.Source.HUGGINGFACE:
        hub.delete(row.name)
    elif row.path and Path(row.path).parent == Path(settings.MODEL_CACHE_DIR).resolve():
        shutil.rmtree(row.path, ignore_errors=True)
    row.delete()
    catalogue.catalogue_sync()


# --- Looking -------------------------------------------------------------------------------------


def model_info(row: LanguageModel) -> ModelInfo:
    """What there is to say of one model."""
    return overview.model_info(row, model_default().name)


def model_infos(rows: Iterable[LanguageModel] | None = None) -> list[ModelInfo]:
    """The same of many; of all that can be picked by default. The default one comes first, then
    what is loaded, then what is here."""
    default = model_default().name
    infos = [overview.model_info(row, default) for row in (model_list() if rows is None else rows)]
    return sorted(infos, key=lambda info: (not info.default, not info.loaded, not info.downloaded))


# --- The process ---------------------------------------------------------------------------------


def startup() -> None:
    """For a serving process: forget what a former one had loaded, and look what there is."""
    LanguageModel.objects.exclude(state__in=[State.UNLOADED, State.FAILED]).update(
        state=State.UNLOADED, stage="", progress=0.0
    )
    catalogue.catalogue_sync()


def shutdown() -> None:
    """End every model process."""
    REGISTRY.shutdown()


def memory_used() -> int:
    """Bytes that all loaded models take."""
    return REGISTRY.memory_used()
