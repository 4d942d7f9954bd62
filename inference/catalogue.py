"""The models that people can pick: the recommended ones, and what lies on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from inference import embedded, hub
from inference.folders import weight_bytes
from inference.models import LanguageModel

GB, GIB = 10**9, 2**30


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a model before it was ever here; sizes as its makers state them."""

    name: str
    download_bytes: int
    memory_bytes: int
    best_for: str
    speed: int  # 1 (slow) to 3 (fast)


FACTS: dict[str, Fact] = {
    fact.name: fact
    for fact in (
        Fact(
            "mlx-community/Llama-3.2-3B-Instruct-4bit",
            1_700_000_000,
            4 * GIB,
            "Default, fast responses",
            3,
        ),
        Fact(
            "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit",
            4_500_000_000,
            8 * GIB,
            "Balanced",
            2,
        ),
        Fact(
            "mlx-community/Qwen2.5-7B-Instruct-4bit",
            4_200_000_000,
            8 * GIB,
            "Instruction following",
            2,
        ),
        Fact(
            "mlx-community/Llama-3.3-70B-Instruct-4bit",
            39 * GB,
            48 * GIB,
            "Best quality, M3 Max or better",
            1,
        ),
        Fact(embedded.MODEL, 93_000_000, 1 * GIB, "Comes with Cortex, works offline", 3),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """A model that can be offered: where it lives, and its size where that is known."""

    name: str
    source: str
    path: str = ""
    size_bytes: int = 0


def catalogue_sync() -> None:
    """A row for every model that can be offered now; rows that exist keep what they know."""
    for found in _everything():
        row, created = LanguageModel.objects.get_or_create(
            name=found.name,
            defaults={
                "source": found.source,
                "path": found.path,
                "size_bytes": found.size_bytes,
            },
        )
        if not created and found.size_bytes and not row.size_bytes:
            LanguageModel.objects.filter(pk=row.pk).update(size_bytes=found.size_bytes)


def _everything() -> Iterator[Found]:
    if embedded.is_available():
        yield Found(embedded.MODEL, LanguageModel.Source.EMBEDDED)
    for name in FACTS:
        if name != embedded.MODEL:
            yield Found(name, LanguageModel.Source.HUGGINGFACE)
    for name, size in hub.cached():
        yield Found(name, LanguageModel.Source.HUGGINGFACE, size_bytes=size)
    yield from _folders(Path(settings.MODEL_CACHE_DIR))


def _folders(root: Path) -> Iterator[Found]:
    """Model folders that somebody put into MODEL_CACHE_DIR."""
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        size = weight_bytes(folder)
        if size and folder.name != embedded.MODEL and (folder / "config.json").is_file():
            yield Found(folder.name, LanguageModel.Source.FOLDER, str(folder.resolve()), size)
