"""Writing what stands between a prompt and a suffix, for models that were trained to."""

from __future__ import annotations

from collections.abc import Callable

from common.errors import InvalidRequest
from inference.types import GenerationRequest

# The special tokens of a family: before the prompt, between the two, and after the suffix.
PROMPT_FIRST = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen Coder, CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, Granite
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek Coder
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # Code Llama
)
SUFFIX_FIRST = ("[SUFFIX]", "[PREFIX]")  # Codestral


def raw_text(request: GenerationRequest, is_special: Callable[[str], bool]) -> str:
    """The text of a raw prompt, its suffix told as the model knows it.

    `is_special` tells whether a text is one of the model's special tokens. Raises InvalidRequest
    for a model that knows no such thing.
    """
    prompt = request.prompt or ""
    if not request.suffix:
        return prompt
    for begin, middle, end in PROMPT_FIRST:
        if all(map(is_special, (begin, middle, end))):
            return f"{begin}{prompt}{middle}{request.suffix}{end}"
    if all(map(is_special, SUFFIX_FIRST)):
        return f"{SUFFIX_FIRST[0]}{request.suffix}{SUFFIX_FIRST[1]}{prompt}"
    raise InvalidRequest(
        "suffix: this model does not know how to fill in the middle of a text.", field="suffix"
    )
