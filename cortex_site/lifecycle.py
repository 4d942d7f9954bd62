"""What begins when the server listens, and what ends before it stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from agents.work import runner
from agents.work.pruning import prune
from agents.work.ticker import Ticker
from common.disk import when_there_is_room
from common.errors import CortexError
from cortex_site import docs
from inference import services
from tooling import services as tools

logger = logging.getLogger("cortex.server")

WARM_SECONDS = 10.0  # after which the tools are made ready, though the model is not up yet
PRUNE_SECONDS = 3600.0

_model_is_due = threading.Event()  # from the start on, until the default model is up or has failed
_model_is_up = threading.Event()
_serving = threading.Event()
_pruner = Ticker("pruner", PRUNE_SECONDS, prune, _serving.is_set)
_kept_open: list[BaseDatabaseWrapper] = []


def start() -> None:
    """Recover what an earlier process left, bring the default model up and make the tools ready,
    in the background."""
    _serving.set()
    _model_is_due.set()
    threading.Thread(target=_begin, name="start", daemon=True).start()
    threading.Thread(target=_warm, name="warm tools", daemon=True).start()


def is_starting() -> bool:
    """Whether the start has not yet brought the default model up."""
    return _model_is_due.is_set()


def _keep_open() -> None:
    """Keep a connection to SQLite: with the last one its shared memory would go, and on a full disk
    nobody could make it again, not even to read."""
    if connection.vendor == "sqlite":
        kept = connections.create_connection(DEFAULT_DB_ALIAS)
        with kept.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM django_migrations")
        _kept_open.append(kept)


def _begin() -> None:
    """Each of these helps without the others: one that fails leaves the next to be done."""
    try:
        for step in (_keep_open, services.startup, runner.startup):
            _attempt(partial(when_there_is_room, step, "the start"))
        _attempt(services.default_load)
        _model_is_due.clear()
        _model_is_up.set()
        _pruner.ensure()  # it reads all of the logs
        _attempt(docs.schema_bytes)
    finally:
        connections.close_all()


def _warm() -> None:
    """After the model, whose load is waited for by more people than a first calculation."""
    _model_is_up.wait(WARM_SECONDS)
    try:
        _attempt(tools.tools_warm)
    finally:
        connections.close_all()


def _attempt(step: Callable[[], object]) -> None:
    try:
        step()
    except CortexError as error:
        logger.warning("The start is not complete: %s", error)
    except Exception:
        logger.exception("The start is not complete")


def stop() -> None:
    """Let runs keep what they have, then end the model processes, so that what waits returns."""
    _serving.clear()
    try:
        runner.shutdown()
    finally:
        services.shutdown()
        connections.close_all()


def serve_model(name: str) -> None:
    """`--model`: the folder or GGUF file of a model, or the id of one, that answers by default."""
    settings.SERVED_MODEL = services.model_named(name).name


def serve_engine(engine: str) -> None:
    """`--engine`: what computes the model that answers by default; it stays chosen."""
    services.model_engine_set(name=services.model_default().name, engine=engine)
