"""Which engines can run a model, and which of them does where nobody has chosen one."""

from __future__ import annotations

import importlib.util
import platform
import sys

from common.errors import InvalidRequest
from inference.models import LanguageModel

Format = LanguageModel.Format
MLX, LLAMACPP = LanguageModel.Engine.MLX, LanguageModel.Engine.LLAMACPP
AUTO = "auto"  # in the place of an engine: it follows the model and the machine
CHOICES = (MLX.value, LLAMACPP.value, AUTO)


def engines_for(model_format: str, *, for_mlx: bool = False) -> tuple[LanguageModel.Engine, ...]:
    """Name the engines of this machine that can run a model of that format, the one to take first;
    none while the format is not known. `for_mlx` marks a GGUF file that MLX reads too."""
    match model_format:
        case Format.MLX:
            return (MLX,)
        case Format.GGUF if for_mlx:
            return (MLX, LLAMACPP) if _is_mlx_faster() else (LLAMACPP, MLX)
        case Format.GGUF:
            return (LLAMACPP,)
    return ()


def engine_for(model_format: str, *, for_mlx: bool = False) -> LanguageModel.Engine:
    """Choose the engine where nobody has; MLX for a model of which nothing is known yet."""
    return next(iter(engines_for(model_format, for_mlx=for_mlx)), MLX)


def engines_of(row: LanguageModel) -> tuple[LanguageModel.Engine, ...]:
    """Name those that can run the model; none for one of another server."""
    return engines_for(row.format, for_mlx=row.for_mlx)


def engine_check(row: LanguageModel, engine: str) -> None:
    """Refuse what is no engine, or one that cannot run the model. Raises InvalidRequest."""
    able = engines_of(row)
    if row.source == LanguageModel.Source.REMOTE:
        reason = f"{row.name} runs on another server: there is no engine to choose."
    elif engine not in CHOICES:
        reason = f"{engine!r} is no engine: choose one of {', '.join(CHOICES)}."
    elif engine == AUTO or engine in able:
        return
    elif able:
        reason = f"{row.name} does not run on {engine!r}, only on {able[0].value!r}."
    else:
        reason = f"Which engine can run {row.name} is not known before it is on this machine."
    raise InvalidRequest(reason, field="engine")


def _is_mlx_faster() -> bool:
    return is_apple_silicon() or not has_llamacpp()


def is_apple_silicon() -> bool:
    """Say whether this is the kind of machine that MLX was made for."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def has_llamacpp() -> bool:
    """Say whether the wheel is installed; whether its code runs here the engine finds out."""
    return importlib.util.find_spec("xllamacpp") is not None
