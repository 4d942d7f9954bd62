"""Ids of models. They are ids, never paths: a name, or an organisation and a name with a slash
between; and after a colon which file of a GGUF repository is meant, or which tag of Ollama's."""

from __future__ import annotations

import re

from common.errors import InvalidRequest

PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ID = re.compile(rf"{PART}(/{PART})?(:{PART})?")
LENGTH = 255


def id_check(name: str) -> str:
    """Return the id itself; InvalidRequest unless it is a `name` or an `organisation/name`, with
    `:tag` or without."""
    if not is_id(name):
        raise InvalidRequest(
            f"{name[:LENGTH]!r} is not a model id: expected a name such as "
            "'mlx-community/Llama-3.2-3B-Instruct-4bit' or "
            "'bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M'.",
            field="model",
        )
    return name


def is_id(name: str) -> bool:
    """Say whether the text can be an id."""
    return len(name) <= LENGTH and ID.fullmatch(name) is not None and ".." not in name


def spellings(name: str) -> list[str]:
    """List the ids that a client may mean: `a__b` may stand for `a/b`."""
    return [name] if "/" in name else list(dict.fromkeys([name, name.replace("__", "/", 1)]))


def repository_of(name: str) -> str:
    """Cut off the tag."""
    return name.partition(":")[0]


def tag_of(name: str) -> str:
    """Give what stands after the colon, or nothing."""
    return name.partition(":")[2]


def id_part(text: str) -> str:
    """Make a part of an id from a file's or folder's name."""
    part = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    return re.sub(r"\.{2,}", ".", part).strip("-._") or "model"
