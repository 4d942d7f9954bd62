"""The child process that downloads a model.

    python -m inference.library.download <id> <cache> <endpoint>

It writes one JSON object a line: `{"fraction": 0.25}` as it goes on, and at the end
`{"folder": path}` or `{"error": ...}`. It ends with its parent: when its
standard input closes.

What was fetched stays, so that the next try goes on where this one ended: small files whole, large
ones to the byte. (The hub's client keeps only whole files. So large ones are fetched here, into the
place in the cache where the client looks for them.)
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from filelock import FileLock
from huggingface_hub import (
    DryRunFileInfo,
    HfApi,
    HfFileMetadata,
    constants,
    get_hf_file_metadata,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    filter_repo_objects,
)
from tqdm.std import tqdm  # type: ignore[import-untyped]

from common.disk import NO_ROOM
from common.errors import CortexError, DiskFull, to_wire
from common.types import JSON
from inference.errors import HubUnreachable, ModelLoadFailed, ModelNotFound
from inference.library.ids import repository_of, tag_of
from inference.library.quantizations import choose, files_by_tag, preference

WANTED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt")
UNWANTED = ("*/*",)  # other formats of the same weights live in folders
DISK_MARGIN = 256 * 2**20  # bytes that a download leaves free
LARGE = 2**20  # bytes from which on a file is fetched here, and can go on later
AT_ONCE = 4  # files
SAY_EVERY = 0.5  # seconds
CHUNK = 2**20  # bytes; the hub's client reads ten times as much before it tells
SHA256_LENGTH = 64
STALE = 3600.0  # seconds after which a partial file has no owner any more


def main(name: str, cache: str, endpoint: str) -> None:
    """Download, and say how it went."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=_Meter.tell, daemon=True).start()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    try:
        say({"path": _download(name, Path(cache), endpoint)})
    except CortexError as error:
        say({"error": to_wire(error)})
    except Exception as error:  # noqa: BLE001  whatever the hub's client raises: told in words
        say({"error": to_wire(_explain(name, error))})


def _download(name: str, cache: Path, endpoint: str) -> str:
    repository = repository_of(name)
    siblings = HfApi(endpoint=endpoint).model_info(repository).siblings or []
    wanted = wanted_files(name, [file.rfilename for file in siblings])
    options: JSON = {
        "repo_id": repository,
        "cache_dir": cache,
        "endpoint": endpoint,
        "allow_patterns": [glob.escape(file) for file in wanted.files],
        "tqdm_class": _Silent,
    }
    cache.mkdir(parents=True, exist_ok=True)
    files = snapshot_download(**options, dry_run=True)
    _remove_stale(cache)
    missing = [file for file in files if file.will_download]
    _check_disk(name, sum(file.file_size or 0 for file in missing), cache)
    _Meter.expect(files)
    _fetch_large(repository, [file for file in missing if _is_large(file)], cache, endpoint)
    folder = Path(snapshot_download(**options))
    return str(folder / wanted.files[0] if wanted.tag else folder)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an id means of a repository's files: those of an MLX model, or with a tag the parts of
    a GGUF model, the first one first."""

    files: list[str]
    tag: str = ""


def wanted_files(name: str, files: list[str]) -> Wanted:
    """Choose the files that the id means.

    Raises ModelNotFound for a tag that is not there, ModelLoadFailed where nothing can be loaded.
    """
    repository, tag = repository_of(name), tag_of(name)
    for_mlx = list(
        filter_repo_objects(files, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED))
    )
    has_weights = any(file.endswith(".safetensors") for file in for_mlx)
    if not tag and has_weights and "config.json" in for_mlx:
        return Wanted(for_mlx)
    models = files_by_tag(files)
    if chosen := choose(models, tag):
        return Wanted(models[chosen], chosen)
    if models:
        known = ", ".join(sorted(models, key=preference))
        raise ModelNotFound(f"{repository} has no file {tag!r}; it has {known}.", model=name)
    raise ModelLoadFailed(
        f"{repository} has no safetensors weights with a config.json, and no GGUF files: refused."
    )


def _is_large(file: DryRunFileInfo) -> bool:
    return LARGE <= (file.file_size or 0) <= constants.MAX_HTTP_DOWNLOAD_SIZE


def _fetch_large(name: str, files: list[DryRunFileInfo], cache: Path, endpoint: str) -> None:
    folder = repo_folder_name(repo_id=name, repo_type="model")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(_fetch, name, file, cache / folder, endpoint) for file in files]:
            done.result()


def _fetch(name: str, file: DryRunFileInfo, repo: Path, endpoint: str) -> None:
    """One file into the cache's blobs, from where an earlier try ended."""
    url = hf_hub_url(name, file.filename, revision=file.commit_hash, endpoint=endpoint)
    known = get_hf_file_metadata(url, endpoint=endpoint)
    if not known.etag or not known.size:
        return  # then the hub's client may know what to do
    blob = repo / "blobs" / known.etag
    partial = blob.with_name(f"{known.etag}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(partial.with_name(f"{partial.name}.lock")):
        if not blob.exists():
            _append(partial, url, known)
            _verify(name, partial, known.etag)
            partial.rename(blob)


def _append(partial: Path, url: str, known: HfFileMetadata) -> None:
    """The rest of the file. The key is for the hub alone, not for where it sends us."""
    headers = build_hf_headers()
    if urlsplit(known.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)
    with partial.open("ab") as file:
        http_get(
            known.location,
            file,
            resume_size=file.tell(),
            headers=headers,
            expected_size=known.size,
            tqdm_class=_Meter,
        )


def _verify(name: str, partial: Path, etag: str) -> None:
    """Large files of the hub are named by their hash; one that was put together wrongly goes."""
    if len(etag) != SHA256_LENGTH:
        return
    with partial.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == etag:
            return
    partial.unlink()
    raise ModelLoadFailed(f"The download of {name} was damaged: try again.")


def _check_disk(name: str, needed: int, cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if needed + DISK_MARGIN > free:
        raise DiskFull(
            f"{name} needs {needed / 1e9:.1f} GB on the disk; {free / 1e9:.1f} GB are free.",
            needed_bytes=needed,
            free_bytes=free,
        )


def _remove_stale(cache: Path) -> None:
    """What the hub's client left behind when it was killed is of no use to anyone."""
    for file in cache.glob("models--*/blobs/*.incomplete"):
        if time.time() - file.stat().st_mtime > STALE:
            file.unlink(missing_ok=True)


def _explain(name: str, error: BaseException) -> CortexError:
    """What happened, in words for the one who wanted the model."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    for link in chain:
        if isinstance(link, GatedRepoError):
            return ModelLoadFailed(
                f"{name} is gated: accept its licence on the hub and set HF_TOKEN."
            )
        if isinstance(link, RepositoryNotFoundError):
            return ModelNotFound(f"The hub has no model {name!r}.", model=name)
        if isinstance(link, OSError) and link.errno in NO_ROOM:
            return DiskFull(f"The disk is full: {name} could not be downloaded.")
        if "Consistency check failed" in str(link):
            return ModelLoadFailed(f"The download of {name} broke off: try again.")
        if isinstance(link, httpx2.HTTPError | OfflineModeIsEnabled | ConnectionError):
            sys.stderr.write(f"{name}: {link!r}\n")
            return HubUnreachable(f"{name} cannot be fetched: the hub cannot be reached.")
    return ModelLoadFailed(f"{name} could not be downloaded: {error}")


class _Silent(tqdm):
    """A progress bar that draws nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"file": _NOWHERE, "leave": False})

    def display(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to see."""


class _Meter(_Silent):
    """Adds up the bytes of all large files, those that an earlier try has brought among them."""

    whole = 0
    come = 0
    guard = threading.Lock()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._count(kwargs.get("initial", 0))

    def update(self, n: float | None = 1) -> bool | None:
        drawn: bool | None = super().update(n)
        self._count(n or 0)
        return drawn

    @classmethod
    def expect(cls, files: list[DryRunFileInfo]) -> None:
        """Note how much there is to come, and how much has come already."""
        large = [file for file in files if _is_large(file)]
        cls.come = sum(file.file_size or 0 for file in large if not file.will_download)
        cls.whole = sum(file.file_size or 0 for file in large)

    @classmethod
    def _count(cls, n: float) -> None:
        with cls.guard:
            cls.come += int(n)

    @classmethod
    def tell(cls) -> None:
        """Say how much of the whole has come, for as long as the process lives."""
        while True:
            time.sleep(SAY_EVERY)
            if cls.whole:
                say({"fraction": min(cls.come / cls.whole, 1.0)})


_NOWHERE = open(os.devnull, "w")  # noqa: SIM115  for as long as the process lives


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def say(message: JSON) -> None:
    """A line for the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:4])
    os._exit(0)  # the interpreter's own end would wait for the thread that reads standard input
