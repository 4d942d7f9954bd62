"""Load a model folder for MLX: check it first, then bring it into the form that runs fast here."""

from __future__ import annotations

import logging
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import psutil
from mlx.utils import tree_flatten
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import dequantize_model, get_total_parameters, load_model, load_tokenizer

from common.errors import CortexError
from common.jsons import json_read
from common.types import JSON
from inference.engines.base import EngineConfig, Progress
from inference.errors import ModelLoadFailed
from inference.library.folders import folder_check
from inference.mlx_worker.gguf.folder import convert
from inference.types import ModelDescription

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
# Dense float32 weights may take this part of the memory; beyond it the packed ones stay.
DENSE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run, its tokenizer, what is to be said of it, and where it came from."""

    model: Any
    tokenizer: TokenizerWrapper
    description: ModelDescription
    folder: Path


def model_load(config: EngineConfig, progress: Progress) -> LoadedModel:
    """Load what `config.path` names: a folder, or a GGUF file that is converted first into
    `config.options["converted"]`. Raises ModelLoadFailed, whatever is wrong with it."""
    try:
        loaded = _load(_folder(config, progress), progress)
        if template := config.options.get("chat_template"):
            loaded.tokenizer._tokenizer.chat_template = template
        return loaded
    except CortexError:
        raise
    except MemoryError as error:
        raise ModelLoadFailed(f"{config.model} does not fit into memory") from error
    except Exception as error:
        logger.exception("loading %s failed", config.model)
        raise ModelLoadFailed(f"{config.model} could not be loaded: {error}") from error


def _folder(config: EngineConfig, progress: Progress) -> Path:
    path = Path(config.path)
    if path.suffix.lower() != ".gguf":
        return path
    converted = config.options.get("converted")
    if not converted:
        raise ModelLoadFailed('a GGUF file needs options["converted"], the folder to convert into')
    progress("convert", 0.0)
    folder = convert(path, converted)
    try:
        folder_check(folder)
    except ModelLoadFailed as error:
        logger.warning("the converted model is damaged and made again: %s", error)
        shutil.rmtree(folder)
        convert(path, folder)
    progress("convert", 1.0)
    return folder


def _load(folder: Path, progress: Progress) -> LoadedModel:
    progress("load", 0.0)
    settings = folder_check(folder)
    tokenizer = _tokenizer(folder, settings)
    progress("load", 0.2)
    model, _ = load_model(folder, lazy=True)
    parameters = int(get_total_parameters(model))
    model = _for_device(model, parameters)
    mx.eval(model.parameters())
    progress("load", 0.9)
    _warm_up(model)
    progress("load", 1.0)
    description = _describe(model, tokenizer, settings, parameters)
    return LoadedModel(model, tokenizer, description, folder)


def _tokenizer(folder: Path, settings: JSON) -> TokenizerWrapper:
    try:
        return load_tokenizer(folder, eos_token_ids=_eos_ids(folder, settings))
    except Exception as error:
        logger.exception("the tokenizer of %s cannot be read", folder)
        raise ModelLoadFailed(f"The tokenizer of {folder.name} cannot be read: {error}") from error


def _eos_ids(folder: Path, settings: JSON) -> Any:
    """generation_config.json knows better than config.json which tokens end an answer."""
    try:
        generation = json_read((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        generation = {}
    return generation.get("eos_token_id") or settings.get("eos_token_id")


def _for_device(model: Any, parameters: int) -> Any:
    """MLX emulates float16 on a CPU, two orders slower than float32: there go dense and float32
    when memory allows, else keep the packed weights and compute in float32."""
    if mx.default_device() != mx.Device(mx.cpu):
        return model
    model.set_dtype(mx.float32)
    fits = parameters * 4 <= memory_total() * DENSE_SHARE
    return dequantize_model(model) if fits else model


def memory_total() -> int:
    """The machine's memory in bytes."""
    return int(psutil.virtual_memory().total)


def memory_used() -> int:
    """What this process occupies now, in bytes: resident memory, and what Metal holds."""
    metal = 0 if mx.default_device() == mx.Device(mx.cpu) else mx.get_active_memory()
    if sys.platform == "darwin":  # memory is shared with the GPU: part of it would count twice
        return metal + mx.get_cache_memory()
    return metal + int(psutil.Process().memory_info().rss)


def _warm_up(model: Any) -> None:
    """One token through the model: a shape that does not fit shows now, not at a user's request."""
    mx.eval(model(mx.array([[0]])))


def _describe(
    model: Any, tokenizer: TokenizerWrapper, settings: JSON, parameters: int
) -> ModelDescription:
    abilities = ["tools", "grammar", "logprobs"]
    if tokenizer.has_thinking:
        abilities.append("thinking")
    return ModelDescription(
        context_length=context_length(settings),
        parameters=parameters,
        weight_bytes=sum(value.nbytes for _, value in tree_flatten(model.parameters())),
        abilities=tuple(abilities),
        device="gpu" if mx.default_device() != mx.Device(mx.cpu) else "cpu",
    )


def context_length(settings: JSON) -> int:
    """How many tokens the model was made for, wherever its config says so."""
    for part in (settings, settings.get("text_config") or {}):
        for key in CONTEXT_KEYS:
            value = part.get(key)
            if isinstance(value, int) and value > 0:
                return value
    return DEFAULT_CONTEXT
