"""Turn a Llama-family GGUF file into a folder that mlx-lm loads.

MLX reads GGUF tensors straight into its own quantized layout (packed weight, scales, biases), so
a conversion renames tensors, undoes llama.cpp's row order of q and k, and writes the settings and
the tokenizer that the metadata holds. Only a worker process calls this: it imports mlx.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import mlx.core as mx

from common.disk import is_disk_full
from common.errors import DiskFull
from common.types import JSON
from inference.errors import ModelLoadFailed
from inference.library.convertible import refusal
from inference.mlx_worker.gguf.tokenizer import tokenizer_write

Weights = dict[str, mx.array]

BLOCK_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}


def convert(gguf_path: str | Path, folder: str | Path) -> Path:
    """Write the model of `gguf_path` into `folder` and return the folder.

    The folder appears all at once, or not at all: it is written beside its place and renamed.
    Raises ModelLoadFailed when the file is not one that can be converted, and DiskFull.
    """
    source, target = Path(gguf_path), Path(folder)
    if (target / "config.json").is_file():
        return target
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        _write(source, partial)
        _publish(partial, target)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(f"The disk is full: {source.name} could not be converted.") from error
        raise ModelLoadFailed(f"{source.name} could not be converted: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _publish(partial: Path, target: Path) -> None:
    """Rename into place; a folder that another process finished meanwhile is as good."""
    try:
        os.rename(partial, target)
    except OSError:
        if not (target / "config.json").is_file():
            raise


def _write(source: Path, folder: Path) -> None:
    tensors, metadata = _read(source)
    if why := refusal(metadata, tensors):
        raise ModelLoadFailed(why)
    config = model_config(metadata)
    weights = model_weights(tensors, config)
    config["tie_word_embeddings"] = "lm_head.weight" not in weights
    quantization = _quantization(weights, config)
    if quantization:
        config["quantization"] = quantization
    config["eos_token_id"] = tokenizer_write(metadata, folder, config["max_position_embeddings"])
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def _read(source: Path) -> tuple[Weights, JSON]:
    """Tensors and metadata; scalars as Python values."""
    if not source.is_file():
        raise ModelLoadFailed(f"there is no file {source.name}")
    try:
        with source.open("rb") as file:
            magic = file.read(4)
        if magic != b"GGUF":
            raise ModelLoadFailed(f"{source.name} is not a GGUF file")
        loaded: Any = mx.load(str(source), format="gguf", return_metadata=True)
    except (RuntimeError, ValueError) as error:
        raise ModelLoadFailed(f"{source.name} is a broken GGUF file: {error}") from error
    tensors, metadata = loaded
    plain = {key: _plain(value) for key, value in metadata.items()}
    return tensors, plain


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, mx.array) else value


def model_config(metadata: JSON) -> JSON:
    """The config.json of a Llama model from GGUF metadata."""
    try:
        heads = metadata["llama.attention.head_count"]
        hidden = metadata["llama.embedding_length"]
        config: JSON = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": hidden,
            "intermediate_size": metadata["llama.feed_forward_length"],
            "num_hidden_layers": metadata["llama.block_count"],
            "num_attention_heads": heads,
            "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
            "head_dim": metadata.get("llama.attention.key_length", hidden // heads),
            "rms_norm_eps": metadata["llama.attention.layer_norm_rms_epsilon"],
            "rope_theta": metadata.get("llama.rope.freq_base", 10000.0),
            "max_position_embeddings": metadata["llama.context_length"],
            "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        }
    except KeyError as error:
        raise ModelLoadFailed(f"the GGUF file lacks {error}") from error
    if metadata.get("llama.rope.scaling.type") == "linear":
        factor = metadata.get("llama.rope.scaling.factor", 1.0)
        config["rope_scaling"] = {"type": "linear", "factor": factor}
    return config


def model_weights(tensors: Weights, config: JSON) -> Weights:
    """The tensors under mlx-lm's names, in its row order and in one floating type."""
    heads = {
        "attn_q": config["num_attention_heads"],
        "attn_k": config["num_key_value_heads"],
    }
    weights: Weights = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        if parts[0] == "blk" and len(parts) == 4 and parts[2] in BLOCK_NAMES:
            if parts[2] in heads:
                tensor = _rope_rows(tensor, heads[parts[2]])
            new_name = f"model.layers.{parts[1]}.{BLOCK_NAMES[parts[2]]}.{parts[3]}"
        elif len(parts) == 2 and parts[0] in TOP_NAMES:
            new_name = f"{TOP_NAMES[parts[0]]}.{parts[1]}"
        else:
            raise ModelLoadFailed(f"the GGUF tensor {name} is not one of a Llama model")
        # Norms are stored in float32 and would pull every activation up to it.
        floating = mx.issubdtype(tensor.dtype, mx.floating)
        weights[new_name] = tensor.astype(mx.float16) if floating else tensor
    return weights


def _rope_rows(tensor: mx.array, heads: int) -> mx.array:
    """Undo llama.cpp's interleaving of each head's two rotary halves.

    Rows are whole in every part of a quantized tensor, so weight, scales and biases go alike.
    """
    shape = tensor.shape
    half = shape[0] // heads // 2
    return tensor.reshape(heads, half, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def _quantization(weights: Weights, config: JSON) -> JSON:
    """mlx-lm's `quantization` entry; layers with other than the usual bits are named in it."""
    layers = {
        name.removesuffix(".scales"): _layer_quantization(name.removesuffix(".scales"), weights)
        for name in weights
        if name.endswith(".scales")
    }
    if not layers:
        return {}
    kinds = list(layers.values())
    usual = max(kinds, key=kinds.count)
    return {**usual, **{name: kind for name, kind in layers.items() if kind != usual}}


def _layer_quantization(layer: str, weights: Weights) -> JSON:
    """GGUF groups are always 32 wide; the packed width tells the bits."""
    columns = weights[f"{layer}.scales"].shape[-1] * 32
    return {"group_size": 32, "bits": weights[f"{layer}.weight"].shape[-1] * 32 // columns}
