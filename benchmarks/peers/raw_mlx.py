"""mlx_lm without any server: the ceiling. A process that answers one line of JSON with another.

`{"streams": 1, "tokens": 64, "prompt": "..."}` gives `{"rate": tokens a second}`. One stream: by
`stream_generate`; more: by `BatchGenerator`; on the weights and the BLAS that Cortex's own
worker uses.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from inference.engines.base import EngineConfig
from inference.mlx_worker.blas import blas_load

blas = blas_load()

import mlx.core as mx  # noqa: E402
from mlx_lm import stream_generate  # noqa: E402
from mlx_lm.generate import BatchGenerator  # noqa: E402

from inference.mlx_worker.model import LoadedModel, model_load  # noqa: E402


def one(loaded: LoadedModel, prompt: list[int], tokens: int) -> float:
    """Decode rate of one stream, after its first token."""
    first = count = 0.0
    loaded.tokenizer.eos_token_ids = []
    for _ in stream_generate(loaded.model, loaded.tokenizer, prompt, max_tokens=tokens):
        first = first or time.perf_counter()
        count += 1
    return (count - 1) / (time.perf_counter() - first)


def many(loaded: LoadedModel, prompt: list[int], tokens: int, streams: int) -> float:
    """Tokens a second of all streams together, prefill included."""
    started = time.perf_counter()
    generator = BatchGenerator(loaded.model, completion_batch_size=streams)
    generator.insert([prompt] * streams, max_tokens=[tokens] * streams)
    count = 0
    while responses := generator.next_generated():
        count += len(responses)
    generator.close()
    return count / (time.perf_counter() - started)


def answer(loaded: LoadedModel, task: dict[str, Any]) -> float:
    messages = [{"role": "user", "content": task["prompt"]}]
    prompt = loaded.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    if task["streams"] == 1:
        return one(loaded, prompt, task["tokens"])
    return many(loaded, prompt, task["tokens"], task["streams"])


def main() -> None:
    loaded = model_load(EngineConfig(model="raw", path=sys.argv[1]), lambda stage, part: None)
    mx.random.seed(0)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        blas.adapt()
        print(json.dumps({"rate": answer(loaded, json.loads(line))}), flush=True)


if __name__ == "__main__":
    main()
