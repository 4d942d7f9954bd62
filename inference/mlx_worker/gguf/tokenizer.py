"""The tokenizer inside a GGUF file, written as Hugging Face tokenizer files."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers.pre_tokenizers import PreTokenizer

from common.types import JSON
from inference.errors import ModelLoadFailed

CONTROL = 3  # llama.cpp's token type of special tokens
# Tokens that end a turn in one model family or another; any of them ends an answer.
END_TOKENS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "</s>")

GPT4_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,%d}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer_write(metadata: JSON, folder: Path, context_length: int) -> list[int]:
    """Write tokenizer.json and tokenizer_config.json; return the ids that end an answer."""
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    types: list[int] = metadata.get("tokenizer.ggml.token_type") or [1] * len(tokens)
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ == CONTROL]
    _tokenizer(metadata, tokens, special).save(str(folder / "tokenizer.json"))
    ends = _end_ids(metadata, tokens, special)
    config = _config(metadata, tokens, special, ends[0], context_length)
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return ends


def _tokenizer(metadata: JSON, tokens: list[str], special: list[str]) -> Tokenizer:
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = [_pair(merge) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = _splitter(metadata.get("tokenizer.ggml.pre", "default"))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    if metadata.get("tokenizer.ggml.add_bos_token"):
        start = metadata["tokenizer.ggml.bos_token_id"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{tokens[start]} $A", special_tokens=[(tokens[start], start)]
        )
    return tokenizer


def _pair(merge: str) -> tuple[str, str]:
    left, right = merge.split(" ", 1)
    return left, right


def _splitter(name: str) -> PreTokenizer:
    """How text is cut before merging, by llama.cpp's name for it: one of PRE_TOKENIZERS."""
    if name in ("default", "gpt-2"):
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    split = pre_tokenizers.Split(Regex(GPT4_SPLIT % 3), behavior="isolated")  # Llama 3's
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, byte_level])


def _end_ids(metadata: JSON, tokens: list[str], special: list[str]) -> list[int]:
    named = (
        metadata.get("tokenizer.ggml.eos_token_id"),
        metadata.get("tokenizer.ggml.eot_token_id"),
    )
    known = (tokens.index(token) for token in END_TOKENS if token in special)
    ids = list(dict.fromkeys(index for index in (*named, *known) if index is not None))
    if not ids:
        raise ModelLoadFailed("the GGUF file names no token that ends an answer")
    return ids


def _config(
    metadata: JSON, tokens: list[str], special: list[str], end: int, context_length: int
) -> JSON:
    config: JSON = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context_length,
        "eos_token": tokens[end],
        "additional_special_tokens": special,
        "clean_up_tokenization_spaces": False,
    }
    for role, key in (("bos_token", "bos"), ("pad_token", "padding"), ("unk_token", "unknown")):
        index = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if index is not None:
            config[role] = tokens[index]
    template = metadata.get("tokenizer.chat_template")
    if template:
        config["chat_template"] = template
    return config
