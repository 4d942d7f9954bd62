"""How much memory and how many threads llama.cpp is given."""

from __future__ import annotations

import os

import psutil

from inference.engines.base import EngineConfig
from inference.library.gguf import GGUFModel
from inference.llamacpp_worker.server import Sizes

LEAST_CACHE = 192 * 2**20  # bytes; what a small model's context may take at least
LEAST_CELLS, CELL_BLOCK = 2048, 256
FALLBACK_CONTEXT, FALLBACK_CACHE = 4096, 2**17  # where the file does not tell


def sizes_for(model: GGUFModel, config: EngineConfig) -> Sizes:
    """Sizes within the limits of the configuration.

    The context that all requests share takes half of what the weights take: so much serves one
    long conversation or several short ones, and leaves other programs their memory.
    """
    limit = config.options.get("memory_limit") or psutil.virtual_memory().total
    free = max(limit - model.size_bytes, 0) // 2
    context = model.context_length or FALLBACK_CONTEXT
    a_token = model.cache_bytes or FALLBACK_CACHE
    named = config.options.get("parameters", {}).get("num_ctx", 0)  # of an Ollama manifest
    asked = min(int(named), context) * a_token
    wanted = min(max(model.size_bytes // 2, LEAST_CACHE, asked), free)
    cells = wanted // a_token // CELL_BLOCK * CELL_BLOCK
    most = context * config.max_batch
    return Sizes(
        cells=min(max(cells, min(context, LEAST_CELLS)), most),
        slots=config.max_batch,
        threads=threads(),
    )


def threads() -> int:
    """The physical cores that this process may use: two threads on one core slow each other."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False) or allowed or 1
    return max(1, min(allowed or 1, physical))
