"""From a model's row, and what was found of it on this machine, to its engine."""

from __future__ import annotations

import psutil
from django.conf import settings
from django.utils.module_loading import import_string

from inference.engines import ENGINES
from inference.engines.base import Engine, EngineConfig, OnChange
from inference.library.sources import Located
from inference.models import LanguageModel

LEAST_PROMPT_CACHE = 512 * 2**20  # bytes


def engine_config(row: LanguageModel, located: Located) -> EngineConfig:
    """Say how the model runs here: as its row and the settings have it."""
    return EngineConfig(
        model=row.name,
        engine=row.engine,
        path=located.path,
        base_url=row.base_url,
        api_key=row.api_key,
        remote_name=row.remote_name,
        max_queue=settings.MAX_QUEUE,
        max_batch=settings.MAX_BATCH,
        default_max_tokens=settings.DEFAULT_MAX_TOKENS,
        options={
            **located.options,
            "prompt_cache_bytes": _prompt_cache_bytes(located.weight_bytes),
            "prompt_cache_dir": str(settings.PROMPT_CACHE_DIR),
            "prompt_cache_disk_bytes": settings.PROMPT_CACHE_DISK_LIMIT,
            "memory_limit": settings.MODEL_MEMORY_LIMIT,
            "interactive_stall_ms": settings.INTERACTIVE_STALL_MS,
        },
    )


def engine_make(config: EngineConfig, on_change: OnChange) -> Engine:
    """Make the engine, which is loaded afterwards."""
    make = import_string(ENGINES[config.engine])
    engine: Engine = make(config, on_change)
    return engine


def _prompt_cache_bytes(weight_bytes: int) -> int:
    """What a model may keep of prompts it has read: as configured, else by the size of the model,
    so that a small one does not take a large part of the machine."""
    if settings.PROMPT_CACHE_LIMIT is not None:
        return int(settings.PROMPT_CACHE_LIMIT)
    share = int(psutil.virtual_memory().total) // 8
    return min(share, max(LEAST_PROMPT_CACHE, 4 * weight_bytes))
