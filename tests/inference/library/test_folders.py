"""A model folder that is broken or dangerous is refused, and the message says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import ModelLoadFailed
from inference.library.folders import folder_check
from tests.inference.library.weights import safetensors


def folder_make(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(safetensors(bytes(16_384)))
    return folder


def config_set(**extra: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps({"model_type": "llama", **extra}))

    return change


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def garble(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not a tensor in sight")


def pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def half_downloaded(folder: Path) -> None:
    shards = {"a": "model.safetensors", "b": "model-00002.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))


def index_set(weight_map: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = json.dumps({"metadata": {}, "weight_map": weight_map})
        (folder / "model.safetensors.index.json").write_text(text)

    return change


def emptied(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"") and None


def tokenizer_code(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"x": "evil.py"}}))


def test_a_sound_folder_passes(tmp_path: Path) -> None:
    assert folder_check(folder_make(tmp_path / "model")) == {"model_type": "llama"}


@pytest.mark.parametrize(
    "name", ["tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "qwen.tiktoken"]
)
def test_older_tokenizers_are_tokenizers(tmp_path: Path, name: str) -> None:
    folder = folder_make(tmp_path / "model")
    (folder / "tokenizer.json").rename(folder / name)
    assert folder_check(folder)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (config_set(model_file="evil.py"), "model_file"),
        (config_set(auto_map={"AutoModel": "evil.Model"}), "auto_map"),
        (config_set(model_type=None), "model_type"),
        (tokenizer_code, "auto_map"),
        (truncate, "cut short"),
        (garble, "not a safetensors file"),
        (pickle_only, "no other format"),
        (half_downloaded, "model-00002.safetensors missing"),
        (index_set({str(n): f"model-{n}.safetensors" for n in range(9)}), "and 6 more missing"),
        (index_set({}), "names no files"),
        (index_set(["model.safetensors"]), "names no files"),
        (index_set({"a": 5}), "names no files"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"tokenizer\.json is missing"),
        (emptied("tokenizer.json"), r"^tokenizer\.json is empty"),
        (emptied("config.json"), r"^config\.json is empty"),
        (emptied("tokenizer_config.json"), r"^tokenizer_config\.json is empty"),
        (emptied("model.safetensors"), r"^model\.safetensors is empty"),
        (emptied("model.safetensors.index.json"), r"index\.json is empty"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
        (shutil.rmtree, "no model folder"),
    ],
)
def test_a_bad_folder_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    folder = folder_make(tmp_path / "model")
    damage(folder)
    with pytest.raises(ModelLoadFailed, match=complaint):
        folder_check(folder)
