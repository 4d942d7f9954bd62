"""What begins when the server listens, and what ends before it stops."""

from __future__ import annotations

import logging
import threading

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

logger = logging.getLogger("cortex.server")


PRUNE_SECONDS = 3600.0

_serving = threading.Event()
_pruner = Ticker("pruner", PRUNE_SECONDS, prune, _serving.is_set)
_kept_open: list[BaseDatabaseWrapper] = []


def start() -> None:
    """Recover what an earlier process left, and bring the default model up, in the background."""
    _serving.set()
    threading.Thread(target=_begin, name="start", daemon=True).start()


def _keep_open() -> None:
    """Keep a connection to SQLite: with the last one its shared memory would go, and on a full disk
    nobody could make it again, not even to read."""
    if connection.vendor == "sqlite":
        kept = connections.create_connection(DEFAULT_DB_ALIAS)
        with kept.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM django_migrations")
        _kept_open.append(kept)


def _begin() -> None:
    try:
        when_there_is_room(_keep_open, "the start")
        when_there_is_room(services.startup, "the start")
        when_there_is_room(runner.startup, "the start")
        _pruner.ensure()
        docs.schema_bytes()
        services.model_load_start(name="")
    except CortexError as error:
        logger.warning("The default model is not up: %s", error)
    finally:
        connections.close_all()


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
