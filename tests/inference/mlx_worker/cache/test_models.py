"""The prompt cache with models whose caches cannot be cut: sliding windows, recurrent states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models import lfm2, olmo3
from mlx_lm.tokenizer_utils import load

from inference.mlx_worker.model import LoadedModel
from inference.types import Constraint, ModelDescription
from tests.inference.mlx_worker.fixtures import assert_same_or_tie, continue_, engine_make, run

pytestmark = pytest.mark.model

SIZES = {
    "vocab_size": 49152,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 64,
    "max_position_embeddings": 4096,
}


def sliding() -> Any:
    own = {"rms_norm_eps": 1e-5, "rope_theta": 1e4, "sliding_window": 16}
    return olmo3.Model(olmo3.ModelArgs(model_type="olmo3", **SIZES, **own))


def recurrent() -> Any:
    own = {
        "norm_eps": 1e-5,
        "conv_bias": False,
        "conv_L_cache": 3,
        "block_dim": 32,
        "block_multiple_of": 8,
        "block_ffn_dim_multiplier": 1.0,
        "block_auto_adjust_ff_dim": False,
        "full_attn_idxs": [1, 3],
    }
    return lfm2.Model(lfm2.ModelArgs(model_type="lfm2", **SIZES, **own))


@pytest.mark.parametrize("make", [sliding, recurrent])
def test_it_goes_on_from_a_whole_answer_and_from_nothing_less(
    model_folder: Path,
    tmp_path: Path,
    make: Any,
) -> None:
    mx.random.seed(7)
    model = make()
    mx.eval(model.parameters())
    loaded = LoadedModel(model, load(model_folder), ModelDescription(4096), model_folder)
    stored = {
        "prompt_cache_bytes": 1 << 26,
        "prompt_cache_dir": str(tmp_path),
        "prompt_cache_disk_bytes": 1 << 26,
    }

    opening = "Count with me, my friend, slowly and aloud, and never leave one out: one, two, three"
    said = Constraint("choice", [" four, five, six"])
    engine = engine_make(loaded, options=stored)
    (first,) = run(engine, continue_(opening, constraint=said))
    assert first.text == " four, five, six"
    engine.close(timeout=10)

    turn = f"{opening} four, five, six<|im_end|> seven, eight"
    other = f"{opening} four, nine"
    again, plain = engine_make(loaded, options=stored), engine_make(loaded)
    goes_on, goes_elsewhere = (
        run(again, continue_(prompt, top_logprobs=2, max_tokens=8))[0] for prompt in (turn, other)
    )
    again.close(timeout=10)
    (without,) = run(plain, continue_(turn, top_logprobs=2, max_tokens=8))
    usage = goes_on.usage
    added = len(loaded.tokenizer.encode(" seven, eight"))
    assert usage.prompt_tokens - usage.cached_tokens == added
    assert_same_or_tie(without, goes_on)
    assert goes_elsewhere.usage.cached_tokens == 0
    assert "of which this model can use no part" in goes_elsewhere.usage.cache_miss
