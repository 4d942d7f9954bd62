"""Which engine runs a model, where nobody has chosen one."""

from __future__ import annotations

import importlib.util
import platform
import sys

from inference.models import LanguageModel

MLX, LLAMACPP = LanguageModel.Engine.MLX, LanguageModel.Engine.LLAMACPP


def engine_for(model_format: str, *, runs_on_both: bool = False) -> LanguageModel.Engine:
    """Choose the engine for a model of that format. One that `runs_on_both` (the embedded model:
    a GGUF file that MLX reads too) takes what is faster on this machine."""
    if runs_on_both:
        return _faster()
    return LLAMACPP if model_format == LanguageModel.Format.GGUF else MLX


def _faster() -> LanguageModel.Engine:
    if is_apple_silicon() or not has_llamacpp():
        return MLX
    return LLAMACPP


def is_apple_silicon() -> bool:
    """Say whether this is the kind of machine that MLX was made for."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def has_llamacpp() -> bool:
    """Say whether the wheel is installed; whether its code runs here the engine finds out."""
    return importlib.util.find_spec("xllamacpp") is not None
