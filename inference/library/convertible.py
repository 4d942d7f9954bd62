"""Which GGUF files MLX reads: those that `inference.mlx_worker.gguf` converts; in any process."""

from __future__ import annotations

from collections.abc import Collection

from common.types import JSON

ARCHITECTURE = "llama"
TOKENIZER = "gpt2"
PRE_TOKENIZERS = ("default", "gpt-2", "smollm", "llama-bpe", "llama3", "llama-v3")
SCALINGS = ("none", "linear")
FACTORS = "rope_freqs.weight"
# Tensor types that MLX keeps as they are, or that have 16 bits anyway.
KEPT = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0")


def refusal(metadata: JSON, tensors: Collection[str]) -> str:
    """Say why a GGUF file with these tensors cannot be converted; "" where it can."""
    architecture = metadata.get("general.architecture")
    if architecture != ARCHITECTURE:
        return f"GGUF architecture {architecture!r} cannot be converted, only {ARCHITECTURE}"
    if metadata.get("llama.expert_count"):
        return "GGUF models with experts cannot be converted"
    scaling = metadata.get("llama.rope.scaling.type", "none")
    if scaling not in SCALINGS:
        return f"GGUF rope scaling {scaling!r} cannot be converted"
    if FACTORS in tensors:
        return "GGUF files with rope frequency factors cannot be converted"
    tokenizer = metadata.get("tokenizer.ggml.model")
    if tokenizer != TOKENIZER:
        return f"the GGUF tokenizer {tokenizer!r} cannot be converted, only {TOKENIZER}"
    splitter = metadata.get("tokenizer.ggml.pre", "default")
    if splitter not in PRE_TOKENIZERS:
        return f"the GGUF pre-tokenizer {splitter!r} cannot be converted"
    return ""


def unpacked(types: Collection[str]) -> str:
    """Say which types of tensors MLX would unpack to 16 bits, several times their size; "" where
    it would none."""
    return ", ".join(sorted(set(types) - set(KEPT)))
