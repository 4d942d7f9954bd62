"""A conversation goes on after a restart without its prompt being read again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests
from tokenizers import Tokenizer

from tests.server import CortexServer, ServerFactory
from tests.waiting import eventually

pytestmark = [pytest.mark.live, pytest.mark.model]

MODEL = "smollm2-135m-instruct"
FIRST = {"role": "user", "content": "What is the capital of France?"}
SECOND = {"role": "user", "content": "And what is the capital of Italy?"}
# What the model's template puts between the end of an answer and the next one, new message and all.
ADDED = "\n<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"


def say(server: CortexServer, *messages: dict[str, str]) -> tuple[str, int, int]:
    """The likeliest answer, how many tokens its prompt had, and how many of these were cached."""
    body = {"messages": messages, "temperature": 0, "max_tokens": 24}
    response = requests.post(f"{server.url}/v1/chat/completions", json=body, timeout=120)
    answer: dict[str, Any] = response.json()
    usage = answer["usage"]
    text = answer["choices"][0]["message"]["content"]
    return text, usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


def stored(server: CortexServer, count: int) -> list[Path]:
    """The files of the prompt cache, the largest first, when there are `count`."""
    folder = server.data / "prompt-cache"
    eventually(lambda: len(list(folder.glob("*/*.safetensors"))) == count)
    files = folder.glob("*/*.safetensors")
    return sorted(files, key=lambda path: path.stat().st_size, reverse=True)


def length(text: str) -> int:
    folder = Path(os.environ["MODEL_CACHE_DIR"]) / MODEL
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_a_turn_after_a_restart_reads_the_new_message_alone(
    server_factory: ServerFactory, embedded_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(embedded_folder, tmp_path / "on-mlx")
    server = server_factory.start(args=["--model", str(folder)])
    opening, _, cached = say(server, FIRST)
    assert cached == 0
    turn = (FIRST, {"role": "assistant", "content": opening}, SECOND)

    server.restart()  # in good order: what was just computed is on the disk
    answer, prompt, cached = say(server, *turn)
    assert prompt - cached == length(ADDED.format(content=SECOND["content"]))

    damaged, _ = stored(server, 2)
    server.kill()  # in no order at all
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    server.restart()
    assert say(server, *turn) == (answer, prompt, 0)
    assert f"{damaged.name} is removed: its checksum is wrong" in server.log()
    assert not damaged.exists()
