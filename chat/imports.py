"""Chats that other products exported (Open WebUI, ChatGPT), as documents that `chat.exports` reads.

They are trees like ours. What cannot be shown here (pictures, results of foreign tools) is passed
over; what was said below it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from common.types import JSON

ROLES = ("user", "assistant", "system")


@dataclass(frozen=True, slots=True)
class Node:
    """A message of a foreign tree; `text` is empty where there is nothing to show."""

    parent: str | None
    role: str
    text: str
    model: str = ""
    created: Any = None  # seconds since 1970


def documents_of(content: Any) -> list[JSON] | None:
    """Give the chats of another product's file in which something was said; None when it is no
    such file."""
    chats = content if isinstance(content, list) else [content]
    readers: list[Callable[[JSON], JSON | None]] = [_open_webui, _chatgpt]
    for reader in readers:
        documents = [reader(chat) if isinstance(chat, dict) else None for chat in chats]
        if documents and None not in documents:
            return [document for document in documents if document and document["messages"]]
    return None


def _open_webui(entry: JSON) -> JSON | None:
    chat = entry.get("chat")
    history = chat.get("history") if isinstance(chat, dict) else None
    messages = history.get("messages") if isinstance(history, dict) else None
    if not isinstance(chat, dict) or not isinstance(history, dict) or not _is_tree(messages):
        return None
    nodes = {
        key: Node(
            _text(message.get("parentId")) or None,
            _text(message.get("role")),
            _text(message.get("content")),
            _text(message.get("model")),
            message.get("timestamp"),
        )
        for key, message in messages.items()
    }
    title = chat.get("title") or entry.get("title")
    system = _text(chat.get("system"))
    return _document(_text(title), nodes, _text(history.get("currentId")), system)


def _chatgpt(chat: JSON) -> JSON | None:
    mapping = chat.get("mapping")
    if not _is_tree(mapping):
        return None
    nodes = {key: _chatgpt_node(entry) for key, entry in mapping.items()}
    return _document(_text(chat.get("title")), nodes, _text(chat.get("current_node")))


def _chatgpt_node(entry: JSON) -> Node:
    message = _object(entry.get("message"))
    content, metadata = _object(message.get("content")), _object(message.get("metadata"))
    role = _text(_object(message.get("author")).get("role"))
    parts = content.get("parts")
    said = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    is_said = role in ("user", "assistant") and content.get("content_type") in (
        "text",
        "multimodal_text",
    )
    return Node(
        _text(entry.get("parent")) or None,
        role,
        "\n\n".join(said) if is_said else "",
        _text(metadata.get("model_slug")),
        message.get("create_time"),
    )


def _is_tree(nodes: Any) -> TypeGuard[dict[str, JSON]]:
    return isinstance(nodes, dict) and all(isinstance(node, dict) for node in nodes.values())


def _object(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _document(title: str, nodes: dict[str, Node], leaf: str, system: str = "") -> JSON:
    order = list(_down(nodes))
    kept = {key for key in order if nodes[key].role in ROLES and nodes[key].text.strip()}
    return {
        "conversation": {"title": title or None, "system_prompt": system},
        "leaf": _kept_above(nodes, leaf, kept) if leaf in nodes else None,
        "messages": [_message(nodes, key, kept) for key in order if key in kept],
    }


def _message(nodes: dict[str, Node], key: str, kept: set[str]) -> JSON:
    node = nodes[key]
    return {
        "id": key,
        "parent": _kept_above(nodes, node.parent, kept),
        "role": node.role,
        "content": node.text,
        "model": node.model,
        "created_at": _time(node.created),
    }


def _down(nodes: dict[str, Node]) -> Iterator[str]:
    """Parents before their children; what no root leads to is left out."""
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        children.setdefault(node.parent if node.parent in nodes else None, []).append(key)
    level = children.get(None, [])
    while level:
        yield from level
        level = [child for key in level for child in children.get(key, [])]


def _kept_above(nodes: dict[str, Node], key: str | None, kept: set[str]) -> str | None:
    """The message itself, or the next above it that is kept."""
    passed: set[str] = set()
    while key in nodes and key not in kept and key not in passed:
        passed.add(key)
        key = nodes[key].parent
    return key if key in kept else None


def _time(seconds: Any) -> str | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
