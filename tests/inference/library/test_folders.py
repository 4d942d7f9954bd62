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


def tokenizer_code(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"x": "evil.py"}}))


def test_a_sound_folder_passes(tmp_path: Path) -> None:
    assert folder_check(folder_make(tmp_path / "model")) == {"model_type": "llama"}


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
