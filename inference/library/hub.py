"""Models of the Hugging Face hub: first from its cache on this machine, then from the hub.

A download is a child process (`inference.library.download`): it can be ended at once,
whatever it waits for.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
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

from common.cancellation import on_cancel
from common.disk import users_umask
from common.errors import from_wire
from common.types import JSON
from inference.engines.base import Progress
from inference.errors import HubUnreachable, ModelLoadFailed, ModelNotFound
from inference.library.download import UNWANTED, WANTED, wanted_files
from inference.library.folders import Stamp, changed_at, folder_check
from inference.library.ids import repository_of, tag_of
from inference.library.places.found import (
    Found,
    folders_in,
    gguf_found,
    gguf_known,
    mlx_found,
    names_in,
)
from inference.library.quantizations import choose, files_by_tag, label_of
from inference.models import LanguageModel

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
HUB, Format = LanguageModel.Source.HUGGINGFACE, LanguageModel.Format
PREFIX = "models--"  # of the folders of models in the cache
ASK_TIMEOUT = 10.0  # seconds for a question to the hub
_whole: dict[str, tuple[Stamp, bool]] = {}  # model -> its folders then, and the answer


def fetch(name: str, progress: Progress) -> Path:
    """Give the model's folder in the cache, or its GGUF file (of a split one the first part),
    downloaded first if it is not whole there.

    Raises ModelNotFound, HubUnreachable, ModelLoadFailed when the download breaks, and DiskFull.
    """
    place = cached_at(name)
    if place is None:
        progress("download", 0.0)
        place = _download(name, progress)
    return place


def cached_at(name: str) -> Path | None:
    """Find the model in the cache, if all of it is there. Asks nobody."""
    try:
        if not tag_of(name) and (folder := _folder_cached(name)):
            return folder
        file = _file_cached(name)
        return file if file and gguf_known(file) else None
    except (LocalEntryNotFoundError, HFValidationError, ModelLoadFailed):
        return None


def _folder_cached(name: str) -> Path | None:
    try:
        found = snapshot_download(
            name,
            cache_dir=constants.HF_HUB_CACHE,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
            local_files_only=True,
        )
        folder_check(Path(found))
    except (LocalEntryNotFoundError, ModelLoadFailed):
        return None
    return Path(found)


def _file_cached(name: str) -> Path | None:
    """Find the GGUF file that the id means, whole or not."""
    snapshot = _snapshot(_repository(name))
    if snapshot is None:
        return None
    models = files_by_tag(_files_below(snapshot))
    tag = choose(models, tag_of(name))
    return snapshot / models[tag][0] if tag else None


def _snapshot(repository: Path) -> Path | None:
    """Find the revision that counts: that of the main branch, else the latest."""
    try:
        revision = (repository / "refs" / "main").read_text().strip()
    except (OSError, ValueError):
        revision = ""
    if revision and (repository / "snapshots" / revision).is_dir():
        return repository / "snapshots" / revision
    snapshots = folders_in(repository / "snapshots")
    return max(snapshots, key=lambda folder: folder.stat().st_mtime_ns, default=None)


def _files_below(snapshot: Path) -> list[str]:
    """List the files of a snapshot; quantizations may lie in folders of their own."""
    below = [(folder.name, name) for folder in folders_in(snapshot) for name in names_in(folder)]
    return names_in(snapshot) + ["/".join(parts) for parts in below]


def is_whole(name: str) -> bool:
    """Whether the cache holds all of the model. Pages ask often, so the answer is kept until the
    model's folders change."""
    stamp = _stamp(_repository(name))
    known = _whole.get(name)
    if known is None or known[0] != stamp:
        known = _whole[name] = (stamp, cached_at(name) is not None)
    return known[1]


def cache_stamp() -> Stamp:
    """A value that changes when a model comes into the cache, grows there or leaves it."""
    root = Path(constants.HF_HUB_CACHE)
    return tuple(entry for folder in sorted(root.glob("models--*")) for entry in _stamp(folder))


def _stamp(repository: Path) -> Stamp:
    """A file that comes or goes changes its folder; another revision changes refs/main."""
    places = [repository / "refs" / "main", repository / "blobs"]
    snapshots = folders_in(repository / "snapshots")
    below = [folder for snapshot in snapshots for folder in folders_in(snapshot)]
    return changed_at([*places, *snapshots, *below])


def _repository(name: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(
        repo_id=repository_of(name), repo_type="model"
    )


def _download(name: str, progress: Progress) -> Path:
    cache = Path(constants.HF_HUB_CACHE).expanduser()
    command = [
        sys.executable,
        "-m",
        "inference.library.download",
        name,
        str(cache),
        constants.ENDPOINT,
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        umask=users_umask(),  # the hub's cache is not ours alone
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
        elif "path" in message:
            return Path(message["path"])
        else:
            raise from_wire(message["error"])
    raise ModelLoadFailed(f"The download of {name} was ended.")


def found(name: str) -> Found:
    """Ask the hub which model the id means, and how large it is. Of a GGUF repository it is one
    file, so the id gets the tag of the best one where it has none.

    Raises ModelNotFound unless the hub has it, HubUnreachable when it cannot be asked, and
    ModelLoadFailed for what cannot be loaded here.
    """
    repository = repository_of(name)
    try:
        info = HfApi(endpoint=constants.ENDPOINT).model_info(
            repository, timeout=ASK_TIMEOUT, files_metadata=True
        )
    except GatedRepoError:
        return to_fetch(name)  # it is there; the download will say what is missing
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelNotFound(f"The hub has no model {repository!r}.", model=name) from error
    except Exception as error:
        logger.info("Asking the hub for %s failed: %s", name, error)
        raise HubUnreachable(
            f"{name} is not on this machine, and the hub cannot be reached."
        ) from error
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    wanted = wanted_files(name, list(sizes))
    known = to_fetch(f"{repository}:{wanted.tag}" if wanted.tag else repository)
    return replace(
        known,
        format=Format.GGUF if wanted.tag else Format.MLX,
        size_bytes=sum(sizes[file] for file in wanted.files),
    )


def to_fetch(name: str) -> Found:
    """A model of the hub of which only the id is known."""
    label = label_of(f"{tag_of(name)}.gguf")
    model_format = Format.GGUF if tag_of(name) else ""
    return Found(name, HUB, format=model_format, quantization=label, is_here=False)


def cached() -> Iterator[Found]:
    """Find the language models in the cache: a GGUF repository's files one by one, with the reason
    where one cannot be loaded."""
    whole = list(_more_than_stumps())
    yield from whole
    known = {repository_of(model.name) for model in whole}
    for folder in sorted(Path(constants.HF_HUB_CACHE).glob(f"{PREFIX}*")):
        name = folder.name.removeprefix(PREFIX).replace("--", "/", 1)
        if name not in known and (halves := [*folder.glob("blobs/*.incomplete")]):
            size = sum(half.stat().st_size for half in halves if half.is_file())
            problem = f"Half a download of another program: {size / 1e6:.0f} MB have come."
            yield Found(name, HUB, problem=problem, is_here=False)


def _more_than_stumps() -> Iterator[Found]:
    try:
        found = scan_cache_dir(constants.HF_HUB_CACHE)
    except (CacheNotFound, ValueError):  # it is not there, or is no folder
        return
    for repo in sorted(found.repos, key=lambda repo: repo.repo_id):
        if repo.repo_type != "model":
            continue
        if any(_is_model({file.file_name for file in rev.files}) for rev in repo.revisions):
            yield _folder_found(repo.repo_id, repo.size_on_disk)
        elif snapshot := _snapshot(repo.repo_path):
            for tag, files in files_by_tag(_files_below(snapshot)).items():
                yield gguf_found(snapshot / files[0], f"{repo.repo_id}:{tag}", HUB)


def _folder_found(name: str, size: int) -> Found:
    """A folder that is not whole is no broken one: its download goes on where it was."""
    folder = cached_at(name)
    if folder is None or not folder.is_dir():
        return Found(name, HUB, format=Format.MLX, size_bytes=size, is_here=False)
    return replace(mlx_found(folder, name, HUB), path="", size_bytes=size)


def _is_model(files: set[str]) -> bool:
    return "config.json" in files and any(name.endswith(".safetensors") for name in files)


def delete(name: str) -> None:
    """Remove what the cache holds of the model, half downloads included. Of a GGUF repository the
    other files stay."""
    repository, snapshot = _repository(name), _snapshot(_repository(name))
    models = files_by_tag(_files_below(snapshot)) if snapshot and tag_of(name) else {}
    mine = models.pop(choose(models, tag_of(name)) or "", [])
    if snapshot is None or not models:
        shutil.rmtree(repository, ignore_errors=True)
        return
    for file in [snapshot / part for part in mine]:
        file.resolve().unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    for half in repository.glob("blobs/*.partial"):
        half.unlink(missing_ok=True)
