"""What begins when the server listens, and what ends before it stops."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import connections

from agents.work import runner
from common.errors import CortexError
from cortex_site import docs
from inference import services

logger = logging.getLogger("cortex.server")


def start() -> None:
    """Recover what an earlier process left, and bring the default model up, in the background."""
    threading.Thread(target=_begin, name="start", daemon=True).start()


def _begin() -> None:
    try:
        services.startup()
        runner.startup()
        services.model_load_start(name="")
        docs.schema_bytes()
    except CortexError as error:
        logger.warning("The default model is not up: %s", error)
    finally:
        connections.close_all()


def stop() -> None:
    """Let runs keep what they have, then end the model processes, so that what waits returns."""
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
