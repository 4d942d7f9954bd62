"""Models of the Hugging Face hub: first from its cache on this machine, then from the hub.

A download is a child process (`inference.download`): it can be ended at once, whatever it waits
for.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi, constants, scan_cache_dir, snapshot_download
from huggingface_hub.errors import (
    CacheNotFound,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from inference.cancellation import on_cancel
from inference.download import UNWANTED, WANTED
from inference.engines.base import Progress
from inference.errors import HubUnreachable, ModelLoadFailed, ModelNotFound, from_wire
from inference.folders import folder_check
from inference.types import JSON

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
ASK_TIMEOUT = 10.0  # seconds for a question to the hub


def folder_fetch(name: str, progress: Progress) -> Path:
    """The model's folder in the cache, downloaded first if it is not whole there.

    Raises ModelNotFound, HubUnreachable, and ModelLoadFailed when the download breaks or the disk
    is too full.
    """
    folder = folder_cached(name)
    if folder is None:
        progress("download", 0.0)
        folder = _download(name, progress)
    return folder


def folder_cached(name: str) -> Path | None:
    """The model's folder, if the cache holds all of it. Asks nobody."""
    try:
        found = snapshot_download(
            name,
            cache_dir=constants.HF_HUB_CACHE,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
            local_files_only=True,
        )
        folder_check(Path(found))
    except (LocalEntryNotFoundError, HFValidationError, ModelLoadFailed):
        return None
    return Path(found)


def _download(name: str, progress: Progress) -> Path:
    cache = Path(constants.HF_HUB_CACHE).expanduser()
    command = [sys.executable, "-m", "inference.download", name, str(cache), constants.ENDPOINT]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        forget = on_cancel(child.kill)
        try:
            return _follow(name, child, progress)
        finally:
            forget()
            child.kill()


def _follow(name: str, child: subprocess.Popen[bytes], progress: Progress) -> Path:
    """Pass on the progress until the child says how it ended."""
    for line in child.stdout or ():
        message: JSON = json.loads(line)
        if "fraction" in message:
            progress("download", message["fraction"])
        elif "folder" in message:
            return Path(message["folder"])
        else:
            raise from_wire(message["error"])
    raise ModelLoadFailed(f"The download of {name} was ended.")


def exists_check(name: str) -> None:
    """ModelNotFound unless the hub has the model; HubUnreachable when it cannot be asked."""
    try:
        HfApi(endpoint=constants.ENDPOINT).model_info(name, timeout=ASK_TIMEOUT)
    except GatedRepoError:
        return  # it is there; the download will say what is missing
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelNotFound(f"The hub has no model {name!r}.", model=name) from error
    except Exception as error:
        logger.info("Asking the hub for %s failed: %s", name, error)
        raise HubUnreachable(
            f"{name} is not on this machine, and the hub cannot be reached."
        ) from error


def cached() -> list[tuple[str, int]]:
    """The language models in the cache that are more than a stump, with their sizes in bytes."""
    try:
        found = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return []
    return [
        (repo.repo_id, repo.size_on_disk)
        for repo in found.repos
        if repo.repo_type == "model"
        and any(_is_model({file.file_name for file in rev.files}) for rev in repo.revisions)
    ]


def _is_model(files: set[str]) -> bool:
    return "config.json" in files and any(name.endswith(".safetensors") for name in files)


def delete(name: str) -> None:
    """Remove everything that the cache holds of the model, half downloads included."""
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    shutil.rmtree(folder, ignore_errors=True)
