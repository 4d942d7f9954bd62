"""What begins when the server listens, and what ends before it stops."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from django.conf import settings
from django.db import connections

from agents import runner
from cortex_site import docs
from inference import services
from inference.errors import InferenceError

logger = logging.getLogger("cortex.server")


def start() -> None:
    """Recover what an earlier process left, and bring the default model up, in the background."""
    threading.Thread(target=_begin, name="start", daemon=True).start()


def _begin() -> None:
    try:
        services.startup()
        runner.startup()
        docs.schema_bytes()
        services.model_load_start(name="")
    except InferenceError as error:
        logger.warning("The default model is not up: %s", error)
    finally:
        connections.close_all()


def stop() -> None:
    """Runs keep what they have; then the model processes end, and what waits for them returns."""
    try:
        runner.shutdown()
    finally:
        services.shutdown()
        connections.close_all()


def serve_model(name: str) -> None:
    """`--model`: the folder of a model, or the id of one, that answers by default."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        name = services.model_serve_folder(folder).name
    settings.SERVED_MODEL = services.model_serve(name=name).name
