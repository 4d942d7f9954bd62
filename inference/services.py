"""What the layers above do with language models. Synchronous and thread-safe."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.db.models import Q

from common.cancellation import within
from common.errors import CortexError, InvalidRequest
from common.metrics import UNKNOWN
from common.web.pages import Off
from inference import metrics
from inference.engines.base import Engine, QueuePosition
from inference.errors import HubUnreachable, ModelNotFound
from inference.grammar.form import form_check
from inference.library import catalogue, embedded, hub, search, sources
from inference.library.engines import AUTO, engine_check, engine_for
from inference.library.engines import CHOICES as ENGINE_CHOICES
from inference.library.ids import id_check, repository_of, spellings, tag_of
from inference.library.places import own
from inference.library.quantizations import preference
from inference.loaded import overview, suggestion
from inference.loaded.drawing import as_its_makers, sampling_make, sampling_of
from inference.loaded.generation import Generation, collect, outcome_of
from inference.loaded.overview import ModelInfo
from inference.loaded.registry import REGISTRY
from inference.loaded.slots import Slot
from inference.models import LanguageModel
from inference.types import Completion, GenerationRequest, Sampling
from inference.validation import request_check

__all__ = [
    "ENGINE_CHOICES",
    "Generation",
    "collect",
    "complete",
    "generate",
    "request_check",
    "sampling_make",
]

logger = logging.getLogger(__name__)
State = LanguageModel.State

HUB_RETRY = 60.0  # seconds until an unreachable hub is tried again for the default model
_hub_lost_at: dict[str, float] = {}  # model -> when the hub could not be reached for it


# --- Generating ----------------------------------------------------------------------------------


def generate(request: GenerationRequest, *, resolved: LanguageModel | None = None) -> Generation:
    """Begin an answer; blocks until its model is loaded.

    `resolved` is the row of the request's model, where the caller has it; a model that has left
    memory since is looked up again, for it may have changed.
    Raises CortexErrors: InvalidRequest, ModelNotFound, ModelLoadFailed, QueueFull and so on.
    `Generation.model` tells who answers: the embedded model stands in for a default model that
    cannot be fetched.
    """
    model = UNKNOWN
    try:
        if resolved is None or REGISTRY.slot(resolved.name) is None:
            resolved = model_resolve(request.model)
        row = resolved
        model = row.name
        request_check(request)
        if row.is_local:
            form_check(request)
        if request.max_tokens is None:
            request = dataclasses.replace(request, max_tokens=settings.DEFAULT_MAX_TOKENS)
        asked_at = time.monotonic()
        with within(request.seconds):
            slot, row = (REGISTRY.acquire(row), row) if request.model else _default_acquire(row)
        model = slot.name
        sampling = as_its_makers(row, request.sampling, request.unsaid)
        request = dataclasses.replace(request, model=model, sampling=sampling, unsaid=())
        if request.seconds is not None:
            left = request.seconds - (time.monotonic() - asked_at)
            request = dataclasses.replace(request, seconds=left)
        return Generation(REGISTRY, slot, request)
    except Exception as error:
        metrics.request_count(model, outcome_of(error))
        raise


def complete(request: GenerationRequest) -> Completion:
    """A whole answer at once."""
    with generate(request) as generation:
        return collect(generation.model, generation)


def queue_place(*, model: str, ahead: int = 0) -> QueuePosition:
    """Where a request would stand that comes after all that waits for the model now and after
    `ahead` others. "" is the default model."""
    try:
        slot = REGISTRY.slot(model_resolve(model).name)
    except CortexError:
        slot = None
    if slot is None or slot.engine is None:
        return QueuePosition(ahead + 1, None)
    position = slot.engine.queued() + ahead + 1
    return QueuePosition(position, slot.engine.wait(position))


def _default_acquire(row: LanguageModel) -> tuple[Slot, LanguageModel]:
    """The default model's slot and row, or the embedded one's while the hub cannot be reached."""
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
            return slot, row
    row = model_resolve(embedded.MODEL)
    return REGISTRY.acquire(row), row


# --- How answers are drawn -----------------------------------------------------------------------


def sampling_default(model: str) -> Sampling:
    """How answers of a model are drawn where neither request nor chat says. "" is the default
    model."""
    try:
        return sampling_of(model_resolve(model))
    except CortexError:
        return sampling_make({})[0]  # whoever asks that model is told


# --- Finding models ------------------------------------------------------------------------------


def model_resolve(name: str) -> LanguageModel:
    """The model of that id; "" is the default one, and `a__b` may stand for `a/b`.

    Raises ModelNotFound for a model that is neither in the catalogue nor on this machine.
    """
    if not name:
        return model_default()
    names = spellings(name)
    if row := _row_of(names):
        return row
    for candidate in names:
        id_check(candidate)
    catalogue.catalogue_sync()
    if row := _row_of(names) or _row_meant(names):
        return row
    raise ModelNotFound(f"There is no model {name!r} here.", model=name)


def _row_of(names: Iterable[str]) -> LanguageModel | None:
    for name in names:
        if row := LanguageModel.objects.filter(name=name).first():
            return row
    return None


def _row_meant(names: Iterable[str]) -> LanguageModel | None:
    """Tags may be written in small letters, and left out: then the best one is meant."""
    for name in names:
        if row := LanguageModel.objects.filter(name__iexact=name).first():
            return row
        tagged = LanguageModel.objects.filter(name__istartswith=f"{name}:")
        if best := min(tagged, key=lambda row: preference(tag_of(row.name)), default=None):
            return best
    return None


def model_default() -> LanguageModel:
    """What answers when nobody says which: `serve --model`, else the admin's choice, else
    DEFAULT_MODEL."""
    served, usual = settings.SERVED_MODEL, settings.DEFAULT_MODEL
    meant = Q(name__in=[served, usual]) | Q(is_default=True)
    rows = list(LanguageModel.objects.filter(meant))  # one question: every page asks it
    by_name = {row.name: row for row in rows}
    chosen = next((row for row in rows if row.is_default), None)
    found = by_name.get(served) or chosen or by_name.get(usual)
    return found or model_register(name=usual)


def model_list() -> list[LanguageModel]:
    """Everything that can be picked; the catalogue is synced only if the disk has changed."""
    catalogue.catalogue_follow()
    return list(LanguageModel.objects.all())


def model_refresh() -> None:
    """Look anew at what is on this machine."""
    catalogue.catalogue_sync()


def model_serve(*, name: str) -> LanguageModel:
    """The model for `serve --model <id>`: also one that is only on the hub, to be fetched when it
    is loaded; nobody is asked now."""
    try:
        return model_resolve(name)
    except ModelNotFound:
        if "/" not in name:
            raise
        return model_register(name=name)


def model_named(words: str) -> LanguageModel:
    """The model that a command line means: a folder, a GGUF file, or an id."""
    path = Path(words).expanduser()
    if path.exists() or path.is_symlink() or path.suffix.lower() == ".gguf":
        return model_serve_path(path)
    return model_serve(name=words)


def model_serve_path(path: str | Path) -> LanguageModel:
    """Register the model in a folder or a GGUF file, for `serve --model <path>`."""
    found = own.named(Path(path).expanduser().resolve())
    known = LanguageModel.objects.filter(path=found.path, source=found.source).first()
    if known:
        return known
    while LanguageModel.objects.filter(name=found.name).exists():
        found = dataclasses.replace(found, name=_other_name(found.name))
    return catalogue.model_add(found)


def _other_name(name: str) -> str:
    return ":".join([f"{repository_of(name)}-folder", *filter(None, [tag_of(name)])])


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


def model_adopt(*, name: str, by: User | None = None) -> LanguageModel:
    """Load the model in the background, and make it the default once it answers. The default stays
    what it is until then, and for good if the load fails, if it is given up, or if somebody has
    chosen another one meanwhile."""
    _permit(by)
    row = _model_find_or_register(name, by)
    before = model_default().name

    def adopt(ready: Future[Engine]) -> None:
        if ready.exception() is None and model_default().name == before:
            model_set_default(name=row.name)

    REGISTRY.load_start(row).ready.add_done_callback(adopt)
    row.refresh_from_db()
    return row


def _default_load() -> None:
    try:
        default_load()
    finally:
        connections.close_all()


def default_load() -> None:
    """Load the default model, or what stands in for it; blocks until it answers. The row and the
    log tell of errors."""
    try:
        REGISTRY.release(_default_acquire(model_default())[0])
    except CortexError as error:
        logger.info("No default model now: %s", error)


def is_coming(row: LanguageModel) -> bool:
    """Whether the model is on its way into memory, whatever its row says by now."""
    slot = REGISTRY.slot(row.name)
    return slot is not None and not slot.loaded


def _model_find_or_register(name: str, by: User | None) -> LanguageModel:
    """Also a model that is only on the hub: asking to load it is how it gets here. One that could
    not be loaded after its download is refused at once; what stands in for the default one is not
    known here."""
    try:
        row = model_resolve(name)
    except ModelNotFound:
        repository = spellings(name)[-1]
        if "/" not in repository:
            raise
        _permit(by)
        row = catalogue.model_add(hub.found(id_check(repository)))
    if name and row.source == LanguageModel.Source.HUGGINGFACE:
        sources.size_check(row)
    return row


def model_register(*, name: str) -> LanguageModel:
    """A row for a model by id: what the catalogue knows, else a model of the hub."""
    id_check(name)
    if row := _row_of([name]) or _row_meant([name]):
        return row
    catalogue.catalogue_sync()
    return _row_of([name]) or _row_meant([name]) or catalogue.model_add(hub.to_fetch(name))


def model_unload(*, name: str, by: User | None = None) -> LanguageModel:
    """Free the model's memory. Its running answers end with WorkerLost; a load or a download under
    way is given up. Nothing happens to a model that is not loaded."""
    _permit(by)
    row = model_resolve(name)
    REGISTRY.unload(row.name)
    _state_change(row, State.PAUSED, State.UNLOADED, progress=0.0)
    return row


def model_pause(*, name: str, by: User | None = None) -> LanguageModel:
    """Give a download up for now: what has come stays, and the next load goes on from there.
    Nothing happens to a model that is not being downloaded."""
    _permit(by)
    row = model_resolve(name)
    if row.state == State.DOWNLOADING:
        REGISTRY.unload(row.name)
        _state_change(row, State.UNLOADED, State.PAUSED, progress=row.progress)
    return row


def model_dismiss(*, name: str, by: User | None = None) -> LanguageModel:
    """Forget the model's last error: somebody has seen it."""
    _permit(by)
    row = model_resolve(name)
    LanguageModel.objects.filter(pk=row.pk).update(last_error="")
    _state_change(row, State.FAILED, State.UNLOADED)
    return row


def _state_change(row: LanguageModel, state: str, then: str, **fields: object) -> None:
    """Change the state if it is still what it was, and read the row anew."""
    LanguageModel.objects.filter(pk=row.pk, state=state).update(state=then, **fields)
    row.refresh_from_db()


def model_error_keep(*, name: str, error: str) -> None:
    """Note what went wrong with a model, until it is dismissed or loaded again."""
    LanguageModel.objects.filter(name=name).update(last_error=error)


def model_set_default(*, name: str, by: User | None = None) -> LanguageModel:
    """The model that answers when nobody says which."""
    _permit(by)
    row = model_resolve(name)
    with transaction.atomic():
        LanguageModel.objects.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)
        LanguageModel.objects.filter(pk=row.pk).update(is_default=True)
    row.refresh_from_db()
    return row


def model_engine_set(*, name: str, engine: str, by: User | None = None) -> LanguageModel:
    """Choose what computes the model: "mlx", "llamacpp", or "auto" to follow the model and the
    machine again. A model that is loaded on another engine is unloaded, and a load under way given
    up: the next use loads it on the new one. Nothing happens where nothing changes.

    Raises InvalidRequest for an engine that cannot run it.
    """
    _permit(by)
    row = model_resolve(name)
    engine_check(row, engine)
    chosen = engine != AUTO
    wanted = engine if chosen else engine_for(row.format, for_mlx=row.for_mlx)
    rows = LanguageModel.objects.filter(pk=row.pk)
    rows.update(engine=wanted, engine_is_chosen=chosen)
    if row.engine != wanted:
        REGISTRY.unload(row.name)
        rows.update(memory_bytes=0, runtime="", runtime_notes=[])  # of the other engine
    row.refresh_from_db()
    return row


def model_delete(*, name: str, by: User | None = None) -> None:
    """Unload the model and remove its files, where they are Cortex's to remove: downloads, half
    ones too, and folders in MODEL_CACHE_DIR. A recommended model stays in the catalogue."""
    _permit(by)
    row = model_resolve(name)
    if row.source == LanguageModel.Source.EMBEDDED:
        raise InvalidRequest(f"{row.name} comes with Cortex and stays.", field="model")
    if row.source in (LanguageModel.Source.LMSTUDIO, LanguageModel.Source.OLLAMA):
        raise InvalidRequest(
            f"{row.name} belongs to {row.get_source_display()}: delete it there.", field="model"
        )
    REGISTRY.unload(row.name)
    if row.source == LanguageModel.Source.HUGGINGFACE:
        hub.delete(row.name)
    elif row.source == LanguageModel.Source.FOLDER:
        own.delete(Path(row.path))
    sources.forget(row)
    row.delete()
    catalogue.catalogue_sync()


# --- Looking -------------------------------------------------------------------------------------


def model_choices() -> list[tuple[str, str]]:
    """What a person may want to pick, as ids and labels: not what is recommended on other kinds of
    machine only, and nothing that is broken. What does not fit this machine is off, and says why.
    """
    default = model_default().name
    infos = [overview.model_info(row, default) for row in model_list() if not row.problem]
    return [(info.id, _label(info)) for info in infos if info.offered]


def _label(info: ModelInfo) -> str:
    return Off(f"{info.id} (does not fit: {info.fits_reason})") if info.fits is False else info.id


def model_is_here(row: LanguageModel) -> bool:
    """Could it be loaded without the network?"""
    return overview.is_downloaded(row)


def model_info(row: LanguageModel) -> ModelInfo:
    """What there is to say of one model."""
    return overview.model_info(row, model_default().name)


def model_infos(rows: Iterable[LanguageModel] | None = None) -> list[ModelInfo]:
    """The same of many; of all that can be picked by default. The default one comes first, then
    what is loaded, then what is here, then what fits."""
    default = model_default().name
    infos = [overview.model_info(row, default) for row in (model_list() if rows is None else rows)]
    return sorted(
        infos,
        key=lambda info: (
            not info.default,
            not info.loaded,
            not info.downloaded,
            info.fits is False,
            not info.recommended,
        ),
    )


def embedded_is_default() -> bool:
    """Say whether the tiny embedded model answers, and not because `serve --model` says so."""
    return not settings.SERVED_MODEL and model_default().name == embedded.MODEL


def model_suggest() -> ModelInfo | None:
    """A better model than the embedded one, while that is the default: on this disk, or to be
    fetched; None if none fits."""
    return suggestion.model_suggest(model_list(), embedded.MODEL)


@dataclass(frozen=True, slots=True)
class HubMatch:
    """A model that a search of the hub found; `here`: on this machine already."""

    id: str
    format: str
    size: str
    size_bytes: int
    license: str
    downloads: int
    gated: bool
    here: bool
    fits: bool | None
    fits_reason: str


def hub_search(*, words: str) -> list[HubMatch]:
    """Search the hub for models that can run on this machine. Raises HubUnreachable."""
    rows = {row.name: row for row in model_list()}
    here = {name for name, row in rows.items() if model_is_here(row)}
    here |= {repository_of(name) for name in here}
    return [_match(model, here) for model in search.search(words)]


def _match(model: search.HubModel, here: set[str]) -> HubMatch:
    fits, reason = overview.size_fit(model.size_bytes)
    return HubMatch(
        **dataclasses.asdict(model),
        size=overview.readable(model.size_bytes),
        here=model.id in here,
        fits=fits,
        fits_reason=reason,
    )


# --- The process ---------------------------------------------------------------------------------


def startup() -> None:
    """For a serving process: forget what a former one had loaded, and look what there is."""
    rows = LanguageModel.objects
    rows.filter(state=State.DOWNLOADING).update(state=State.PAUSED, stage="")
    rows.exclude(state__in=[State.UNLOADED, State.FAILED, State.PAUSED]).update(
        state=State.UNLOADED, stage="", progress=0.0
    )
    catalogue.catalogue_sync()


def shutdown() -> None:
    """End every model process. Downloads go on when they are wanted again."""
    rows = LanguageModel.objects
    try:
        fetched = dict(rows.filter(state=State.DOWNLOADING).values_list("pk", "progress"))
    finally:
        REGISTRY.shutdown()
    for pk, progress in fetched.items():
        rows.filter(pk=pk, state=State.UNLOADED).update(state=State.PAUSED, progress=progress)


def memory_used() -> int:
    """Bytes that all loaded models take."""
    return REGISTRY.memory_used()
