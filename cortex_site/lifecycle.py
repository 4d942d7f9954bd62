"""What begins when the server listens, and what ends before it stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import connections

from agents.work import runner
from common.errors import CortexError
from cortex_site import docs
from inference import services
from tooling import services as tools

logger = logging.getLogger("cortex.server")

WARM_SECONDS = 10.0  # after which the tools are made ready, though the model is not up yet

_model_is_due = threading.Event()  # from the start on, until the default model is up or has failed
_model_is_up = threading.Event()


def start() -> None:
    """Recover what an earlier process left, bring the default model up and make the tools ready,
    in the background."""
    _model_is_due.set()
    threading.Thread(target=_begin, name="start", daemon=True).start()
    threading.Thread(target=_warm, name="warm tools", daemon=True).start()


def is_starting() -> bool:
    """Whether the start has not yet brought the default model up."""
    return _model_is_due.is_set()


def _begin() -> None:
    """Each of these helps without the others: one that fails leaves the next to be done."""
    try:
        for step in (services.startup, runner.startup, services.default_load):
            _attempt(step)
        _model_is_due.clear()
        _model_is_up.set()
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
