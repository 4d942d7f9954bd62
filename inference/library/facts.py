"""The models that Cortex recommends: four, each for MLX and as GGUF, and the embedded one."""

from __future__ import annotations

from dataclasses import dataclass

from inference.library import embedded
from inference.library.engines import is_apple_silicon
from inference.models import LanguageModel

MLX, GGUF = LanguageModel.Format.MLX, LanguageModel.Format.GGUF
GB, GIB = 10**9, 2**30


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a model before it was ever here; sizes as its makers state them. What a
    GGUF model takes of memory is its file and 8,192 tokens of context."""

    name: str
    download_bytes: int
    memory_bytes: int
    best_for: str
    speed: int  # 1 (slow) to 3 (fast)
    format: str = MLX


EMBEDDED = Fact(embedded.MODEL, 93_000_000, 1 * GIB, "Comes with Cortex, works offline", 3, GGUF)
FOR_MLX = (
    Fact(
        "mlx-community/Llama-3.2-3B-Instruct-4bit",
        1_700_000_000,
        4 * GIB,
        "Default, fast responses",
        3,
    ),
    Fact(
        "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit",
        4_500_000_000,
        8 * GIB,
        "Balanced",
        2,
    ),
    Fact(
        "mlx-community/Qwen2.5-7B-Instruct-4bit",
        4_200_000_000,
        8 * GIB,
        "Instruction following",
        2,
    ),
    Fact(
        "mlx-community/Llama-3.3-70B-Instruct-4bit",
        39 * GB,
        48 * GIB,
        "Best quality, M3 Max or better",
        1,
    ),
)
FOR_LLAMACPP = (
    Fact(
        "bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
        2_019_377_696,
        3 * GIB,
        "Fast responses",
        3,
        GGUF,
    ),
    Fact(
        "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M",
        4_920_739_232,
        6 * GIB,
        "Balanced",
        2,
        GGUF,
    ),
    Fact(
        "bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
        4_683_074_240,
        5 * GIB + GIB // 2,
        "Instruction following",
        2,
        GGUF,
    ),
    Fact(
        "bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M",
        42_520_398_432,
        43 * GIB,
        "Best quality, for large machines",
        1,
        GGUF,
    ),
)
FACTS: dict[str, Fact] = {fact.name: fact for fact in (*FOR_MLX, *FOR_LLAMACPP, EMBEDDED)}


def is_recommended(name: str) -> bool:
    """Say whether Cortex offers the model on this machine: MLX models on Apple Silicon, GGUF
    elsewhere. The others are known by their ids all the same."""
    facts = FOR_MLX if is_apple_silicon() else FOR_LLAMACPP
    return name == embedded.MODEL or any(fact.name == name for fact in facts)
