"""Conversations as files: Markdown for people, JSON that can be imported again."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chat.imports import documents_of
from chat.limits import SETTING_LIMITS
from chat.models import Conversation, Message
from chat.parts import parts_decode, parts_text
from chat.services import (
    LONGEST_MESSAGE,
    LONGEST_TITLE,
    SETTINGS,
    conversation_announce,
    conversation_create,
    first_words,
)
from chat.tree import conversation_path
from common.disk import storing
from common.errors import InvalidRequest
from common.jsons import TooDeep, json_read
from common.text import storable
from common.types import JSON

FORMAT, VERSION = "cortex-conversation", 1
MOST_MESSAGES = 20_000
LONGEST_NAME = 255  # characters of a model's name
LONGEST_CALL = 1e9  # seconds
NOTHING = type(None)
TYPES: dict[str, tuple[type, ...]] = {
    "title": (str, NOTHING),
    "model": (str,),
    "system_prompt": (str,),
    **{
        name: (int, NOTHING) if limit.is_whole else (int, float, NOTHING)
        for name, limit in SETTING_LIMITS.items()
    },
    "repetition_guard": (bool, NOTHING),
    "tools": (dict,),
}
PART_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,), "text": (str,), "id": (str,), "name": (str,), "arguments": (str,),
    "state": (str,), "success": (bool,), "error": (str,), "untrusted": (bool,),
    "seconds": (int, float), "result": (object,),
}  # fmt: skip
WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false",
         dict: "an object", list: "a list", NOTHING: "null"}  # fmt: skip


def export_markdown(conversation: Conversation) -> str:
    """Tell what the page shows, as a document."""
    turns = [f"# {conversation}\n"]
    for message in conversation_path(conversation):
        name = "You" if message.role == Message.Role.USER else message.model or "Answer"
        turns.append(f"## {name}\n\n{message.content}\n")
    return "\n".join(turns)


def export_json(conversation: Conversation) -> str:
    """All there is: settings, and the whole tree, parents before their children."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "conversation": {name: getattr(conversation, name) for name in ("title", *SETTINGS)},
        "leaf": str(conversation.leaf_id) if conversation.leaf_id else None,
        "messages": [_message_out(message) for message in _in_order(conversation)],
    }
    return json.dumps(data, ensure_ascii=False, indent=1)


def _in_order(conversation: Conversation) -> Iterator[Message]:
    """The oldest first, but none before its parent: those of an import may be equally old."""
    children: dict[UUID | None, list[Message]] = {}
    for message in conversation.messages.all():
        children.setdefault(message.parent_id, []).append(message)
    waiting = [(message.created_at, message.id, message) for message in children.get(None, [])]
    heapq.heapify(waiting)
    while waiting:
        message = heapq.heappop(waiting)[-1]
        yield message
        for child in children.get(message.id, []):
            heapq.heappush(waiting, (child.created_at, child.id, child))


def _message_out(message: Message) -> JSON:
    return {
        "id": str(message.id),
        "parent": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "content": message.content,
        "thinking": message.thinking,
        "parts": message.parts,
        "model": message.model,
        "created_at": message.created_at.isoformat(),
    }


# --- Import --------------------------------------------------------------------------------------


def import_json(*, owner: User, data: bytes) -> Conversation:
    """Make a new conversation from an export. InvalidRequest names the field that is wrong."""
    return import_file(owner=owner, data=data)[-1]


@storing("a conversation")
@transaction.atomic
def import_file(*, owner: User, data: bytes) -> list[Conversation]:
    """Make new conversations from an export of ours, or of another product (`chat.imports`)."""
    content = _parse(data)
    documents = documents_of(content)
    if documents is not None:
        if not documents:
            _refuse("messages", "In this file nobody has said anything.")
        return [_make(owner, document) for document in documents]
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        _refuse("format", "This file is not a chat that Cortex, Open WebUI or ChatGPT exported.")
    if content.get("version") != VERSION:
        _refuse("version", "This chat was exported by a newer version of Cortex.")
    return [_make(owner, content)]


def _parse(data: bytes) -> Any:
    """Read JSON whose every text can be stored."""
    try:
        return storable(json_read(data))
    except TooDeep:
        _refuse("file", "This file is nested too deeply to be read.")
    except ValueError:
        _refuse("file", "This file is not JSON, or a part of it is missing.")


def _make(owner: User, content: JSON) -> Conversation:
    """Make one conversation, in the transaction of the whole file."""
    entries = _entries(content)
    made: dict[str, Message | None] = {}
    conversation = conversation_create(owner=owner, auto_title=False, **_settings(content, entries))
    newest = datetime.min.replace(tzinfo=UTC)
    for index, entry in enumerate(entries):
        key, message = _message_in(conversation, made, entry, f"messages.{index}")
        made[key] = message
        if message:  # siblings stand in the order of their times, which an import must not change
            message.created_at = max(message.created_at, newest + timedelta(microseconds=1))
            newest = message.created_at
    Message.objects.bulk_create(message for message in made.values() if message)
    conversation.leaf = _leaf(content, made)
    conversation.updated_at = timezone.now()
    conversation.save(update_fields=["leaf", "updated_at"])
    conversation_announce(conversation)
    return conversation


def _settings(content: JSON, entries: list[Any]) -> JSON:
    given = _typed(content, "conversation", (dict,), "conversation")
    settings = {
        name: _typed(given, name, kinds, f"conversation.{name}")
        for name, kinds in TYPES.items()
        if name in given
    }
    for name, limit in SETTING_LIMITS.items():
        value = settings.get(name)
        if value is not None and not limit.allows(value):
            _wrong(f"conversation.{name}", f"it must be {limit.words}.")
    if not all(word in ("allow", "ask", "deny") for word in settings.get("tools", {}).values()):
        _wrong("conversation.tools", "each tool must be set to allow, ask or deny.")
    if len(settings.get("model", "")) > LONGEST_NAME:
        _wrong("conversation.model", f"it has more than {LONGEST_NAME} characters.")
    settings["title"] = _title(settings.get("title"), entries)
    prompts = [settings.get("system_prompt", ""), *_system_prompts(entries)]
    settings["system_prompt"] = "\n\n".join(dict.fromkeys(filter(None, prompts)))
    return settings


def _title(given: str | None, entries: list[Any]) -> str:
    """Without a title it is the first words, as for a chat that begins here."""
    if given is not None:
        return given if len(given) <= LONGEST_TITLE else given[: LONGEST_TITLE - 1] + "…"
    said = (e.get("content") for e in entries if isinstance(e, dict) and e.get("role") == "user")
    first = next(said, None)
    return (first_words(first) if isinstance(first, str) else "") or "Imported chat"


def _system_prompts(entries: list[Any]) -> list[str]:
    """What stands in messages of the system: here it is a setting."""
    found = (e.get("content") for e in entries if isinstance(e, dict) and e.get("role") == "system")
    return [text for text in found if isinstance(text, str)]


def _entries(content: JSON) -> list[Any]:
    messages = _typed(content, "messages", (list,), "messages")
    if len(messages) > MOST_MESSAGES:
        _wrong("messages", f"there are more than {MOST_MESSAGES:,}.")
    return list(messages)


def _message_in(
    conversation: Conversation, made: dict[str, Message | None], entry: Any, field: str
) -> tuple[str, Message | None]:
    """A message under its key in the file; None for one of the system, whose text is a setting."""
    if not isinstance(entry, dict):
        _wrong(field, "it must be an object.")
    key = _typed(entry, "id", (str,), f"{field}.id")
    parent = _typed(entry, "parent", (str, NOTHING), f"{field}.parent")
    role = _typed(entry, "role", (str,), f"{field}.role")
    if key in made:
        _wrong(f"{field}.id", "another message has it, too.")
    if parent is not None and parent not in made:
        _wrong(f"{field}.parent", "it must be the id of an earlier message.")
    above = made[parent] if parent is not None else None
    if role not in ("system", *Message.Role.values):
        _wrong(f"{field}.role", "it must be user, assistant or system.")
    if role == "system" and above is not None:
        _wrong(f"{field}.role", "only the first messages can be the system's.")
    content = _typed(entry, "content", (str,), f"{field}.content")
    if len(content) > LONGEST_MESSAGE:
        _wrong(f"{field}.content", f"it has more than {LONGEST_MESSAGE:,} characters.")
    if role == "system":
        return key, None
    parts = _parts(entry.get("parts", []), f"{field}.parts")
    said = {"thinking": parts_text(parts_decode(parts), "thinking"), "model": "", **entry}
    message = Message(
        conversation=conversation,
        parent=above,
        role=role,
        content=content,
        thinking=_typed(said, "thinking", (str,), f"{field}.thinking"),
        parts=parts,
        model=_typed(said, "model", (str,), f"{field}.model"),
        created_at=_time(entry, f"{field}.created_at"),
    )
    if len(message.model) > LONGEST_NAME:
        _wrong(f"{field}.model", f"it has more than {LONGEST_NAME} characters.")
    return key, message


def _time(entry: JSON, field: str) -> datetime:
    """When it was written; now, where nothing says so or it were in the future."""
    if entry.get("created_at") is None:
        return timezone.now()
    text = _typed(entry, "created_at", (str,), field)
    try:
        time = datetime.fromisoformat(text)
        time = time if timezone.is_aware(time) else timezone.make_aware(time)
        return min(time.astimezone(UTC), timezone.now())
    except (ValueError, OverflowError):
        _wrong(field, "it must be a time such as 2026-01-31T12:00:00+00:00.")


def _parts(data: Any, field: str) -> list[JSON]:
    if not isinstance(data, list):
        _wrong(field, "it must be a list.")
    for index, entry in enumerate(data):
        place = f"{field}.{index}"
        if not isinstance(entry, dict) or entry.get("kind") not in ("text", "thinking", "tool"):
            _wrong(f"{place}.kind", "it must be text, thinking or tool.")
        for name, value in entry.items():
            if name not in PART_TYPES:
                _wrong(f"{place}.{name}", "parts of an answer have no such field.")
            if value is not None:
                _typed(entry, name, PART_TYPES[name], f"{place}.{name}")
        if not 0 <= (entry.get("seconds") or 0) <= LONGEST_CALL:
            _wrong(f"{place}.seconds", "no call can take so long.")
    return [{name: value for name, value in e.items() if value is not None} for e in data]


def _leaf(content: JSON, made: dict[str, Message | None]) -> Message | None:
    leaf = content.get("leaf")
    if leaf is None:
        return next((message for message in reversed(made.values()) if message), None)
    if not isinstance(leaf, str) or leaf not in made:
        _wrong("leaf", "it must be the id of a message.")
    return made[leaf]


def _typed(data: JSON, name: str, kinds: tuple[type, ...], field: str) -> Any:
    if name not in data:
        _wrong(field, "it is missing.")
    value = data[name]
    is_flag = isinstance(value, bool) and not {bool, object} & set(kinds)  # no number
    if is_flag or not isinstance(value, kinds):
        _wrong(field, f"it must be {' or '.join(WORDS[kind] for kind in kinds)}.")
    return value


def _wrong(field: str, problem: str) -> NoReturn:
    """Refuse the file for what a field says."""
    _refuse(field, f"{_place(field)}: {problem}")


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest(message, field=field)


def _place(field: str) -> str:
    """Name a field as people count: messages.3.role is “role” of message 4."""
    head, *rest = field.split(".")
    if head == "conversation" and rest:
        return f"The setting “{rest[0]}”"
    if head != "messages" or not rest:
        return f"“{field}”"
    place, rest = f"message {int(rest[0]) + 1}", rest[1:]
    if rest[:1] == ["parts"] and len(rest) > 1:
        place, rest = f"part {int(rest[1]) + 1} of {place}", rest[2:]
    return f"“{'.'.join(rest)}” of {place}" if rest else place.capitalize()
