"""GGUF files become model folders, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs
from mlx_lm.utils import load_model, load_tokenizer

from common.errors import DiskFull
from inference.engines.base import EngineConfig
from inference.errors import ModelLoadFailed
from inference.library.gguf import model_read
from inference.mlx_worker.gguf.folder import BLOCK_NAMES, TOP_NAMES, convert
from inference.mlx_worker.model import model_load
from tests.inference.mlx_worker.fixtures import gguf_path

HEADS, KV_HEADS, HIDDEN = 4, 2, 64
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "Ġ", "ab"]


def small_model() -> Model:
    """A random Llama model of two layers."""
    mx.random.seed(0)
    settings = {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "rms_norm_eps": 1e-5,
        "vocab_size": len(TOKENS),
        "tie_word_embeddings": True,
    }
    return Model(ModelArgs.from_dict(settings))


def llama_cpp_rows(tensor: mx.array, heads: int) -> mx.array:
    """The row order in which llama.cpp's converter stores q and k."""
    half = tensor.shape[0] // heads // 2
    shape = tensor.shape
    return tensor.reshape(heads, 2, half, *shape[1:]).swapaxes(1, 2).reshape(shape)


def gguf_save(path: Path, model: Model, **metadata: object) -> Path:
    """Write a model as llama.cpp would."""
    long_names = {value: key for key, value in {**BLOCK_NAMES, **TOP_NAMES}.items()}
    tensors = {}
    for name, tensor in tree_flatten(model.parameters()):
        stem = name.removesuffix(".weight")
        if stem.startswith("model.layers."):
            _, _, index, rest = stem.split(".", 3)
            short = f"blk.{index}.{long_names[rest]}"
        else:
            short = long_names[stem]
        heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(short.rsplit(".", 1)[-1])
        tensors[f"{short}.weight"] = llama_cpp_rows(tensor, heads) if heads else tensor
    plain = {
        "general.architecture": "llama",
        "llama.attention.head_count": mx.array(HEADS, mx.uint32),
        "llama.attention.head_count_kv": mx.array(KV_HEADS, mx.uint32),
        "llama.embedding_length": mx.array(HIDDEN, mx.uint32),
        "llama.feed_forward_length": mx.array(128, mx.uint32),
        "llama.block_count": mx.array(2, mx.uint32),
        "llama.attention.layer_norm_rms_epsilon": mx.array(1e-5, mx.float32),
        "llama.context_length": mx.array(256, mx.uint32),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": mx.array([3, 3, 3, 1, 1, 1, 1], mx.int32),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": mx.array(2, mx.uint32),
        **metadata,
    }
    plain = {key: value for key, value in plain.items() if value is not None}
    mx.save_gguf(str(path), tensors, plain)
    return path


def test_a_converted_model_computes_what_the_original_does(tmp_path: Path) -> None:
    original = small_model()
    file = gguf_save(tmp_path / "small.gguf", original)
    assert not model_read(file).mlx_refusal
    folder = convert(file, tmp_path / "small")
    model, config = load_model(folder)
    model.set_dtype(mx.float32)
    prompt = mx.array([[1, 3, 4, 6, 5, 2, 3]])
    np.testing.assert_allclose(
        np.array(model(prompt)), np.array(original(prompt)), rtol=0.02, atol=0.01
    )
    assert config["tie_word_embeddings"] is True
    assert config["eos_token_id"] == [2, 0]
    tokenizer = load_tokenizer(folder, eos_token_ids=config["eos_token_id"])
    assert tokenizer.encode("ab a<|im_end|>") == [6, 5, 3, 2]
    assert tokenizer.eos_token_ids == {0, 2}


@pytest.mark.model
def test_the_embedded_model_keeps_its_quantized_layout(tmp_path: Path) -> None:
    assert not model_read(gguf_path()).mlx_refusal
    folder = convert(gguf_path(), tmp_path / "smollm2")
    config = json.loads((folder / "config.json").read_text())
    assert config["quantization"]["bits"] == 4
    assert config["quantization"]["model.embed_tokens"]["bits"] == 8
    assert config["max_position_embeddings"] == 8192
    tokenizer = load_tokenizer(folder)
    text = "Zürich has 1234 trees 🌲 and it's naïve."
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("1234")) == 4  # SmolLM splits digits


def test_a_damaged_conversion_is_made_again(tmp_path: Path) -> None:
    file = gguf_save(tmp_path / "small.gguf", small_model())
    folder = convert(file, tmp_path / "small")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-50])
    config = EngineConfig(model="small", path=str(file), options={"converted": str(folder)})
    loaded = model_load(config, lambda *_: None)
    assert loaded.description.context_length == 256
    assert len(weights.read_bytes()) == len(whole)


def test_a_gguf_file_needs_a_place_for_its_conversion(tmp_path: Path) -> None:
    config = EngineConfig(model="small", path=str(tmp_path / "small.gguf"))
    with pytest.raises(ModelLoadFailed, match="converted"):
        model_load(config, lambda *_: None)


def test_a_second_conversion_finds_the_first(tmp_path: Path) -> None:
    file = gguf_save(tmp_path / "small.gguf", small_model())
    folder = convert(file, tmp_path / "small")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    convert(file, folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"general.architecture": "gemma"}, "gemma"),
        ({"tokenizer.ggml.model": "llama"}, "tokenizer"),
        ({"tokenizer.ggml.pre": "unheard-of"}, "unheard-of"),
        ({"llama.rope.scaling.type": "yarn"}, "yarn"),
        ({"llama.expert_count": mx.array(8, mx.uint32)}, "experts"),
        ({"llama.block_count": None}, "llama.block_count"),
    ],
)
def test_what_cannot_be_converted_is_refused_and_leaves_nothing(
    tmp_path: Path, metadata: dict[str, object], complaint: str
) -> None:
    file = gguf_save(tmp_path / "small.gguf", small_model(), **metadata)
    with pytest.raises(ModelLoadFailed, match=complaint):
        convert(file, tmp_path / "small")
    known_before = "block_count" not in complaint
    assert bool(model_read(file).mlx_refusal) is known_before, "MLX is not offered for it"
    assert [path.name for path in tmp_path.iterdir()] == ["small.gguf"]


def test_files_that_are_no_gguf_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelLoadFailed, match="not a GGUF"):
        convert(tmp_path / "text.gguf", tmp_path / "model")
    with pytest.raises(ModelLoadFailed, match="no file"):
        convert(tmp_path / "missing.gguf", tmp_path / "model")


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    file = gguf_save(tmp_path / "small.gguf", small_model())
    monkeypatch.setattr(mx, "save_safetensors", full)
    with pytest.raises(DiskFull, match="The disk is full"):
        convert(file, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small.gguf"]
