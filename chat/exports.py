"""Conversations as files: Markdown for people, JSON that can be imported again."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chat.limits import SETTING_LIMITS
from chat.models import Conversation, Message
from chat.parts import Part, parts_decode, parts_encode, parts_text
from chat.services import LONGEST_MESSAGE, LONGEST_TITLE, SETTINGS, conversation_create
from chat.tree import conversation_path
from common.disk import storing
from common.errors import InvalidRequest
from common.jsons import TooDeep, json_read

FORMAT, VERSION = "cortex-conversation", 1
MOST_MESSAGES = 20_000
ROLES = tuple(Message.Role.values)
TYPES: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "model": (str,),
    "system_prompt": (str,),
    **{
        name: (int, type(None)) if limit.is_whole else (int, float, type(None))
        for name, limit in SETTING_LIMITS.items()
    },
    "repetition_guard": (bool, type(None)),
    "tools": (dict,),
}
PART_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,), "text": (str,), "id": (str,), "name": (str,), "arguments": (str,),
    "state": (str,), "success": (bool,), "error": (str,), "untrusted": (bool,),
    "seconds": (int, float), "result": (object,),
}  # fmt: skip


def export_markdown(conversation: Conversation) -> str:
    """Tell what the page shows, as a document."""
    turns = [f"# {conversation}\n"]
    for message in conversation_path(conversation):
        name = "You" if message.role == Message.Role.USER else message.model or "Answer"
        turns.append(f"## {name}\n\n{message.content}\n")
    return "\n".join(turns)


def export_json(conversation: Conversation) -> str:
    """All there is: settings, and the whole tree, parents before their children."""
    messages = conversation.messages.order_by("created_at", "id")
    data = {
        "format": FORMAT,
        "version": VERSION,
        "conversation": {name: getattr(conversation, name) for name in ("title", *SETTINGS)},
        "leaf": str(conversation.leaf_id) if conversation.leaf_id else None,
        "messages": [_message_out(message) for message in messages],
    }
    return json.dumps(data, ensure_ascii=False, indent=1)


def _message_out(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "parent": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "content": message.content,
        "parts": message.parts,
        "model": message.model,
        "created_at": message.created_at.isoformat(),
    }


@storing("a conversation")
@transaction.atomic
def import_json(*, owner: User, data: bytes) -> Conversation:
    """Make a new conversation from an export. InvalidRequest names the field that is wrong."""
    content = _parse(data)
    conversation = conversation_create(owner=owner, auto_title=False, **_settings(content))
    made: dict[str, Message] = {}
    for index, entry in enumerate(_messages(content)):
        key, message = _message_in(conversation, made, entry, f"messages.{index}")
        made[key] = message
    Message.objects.bulk_create(made.values())
    conversation.leaf = _leaf(content, made)
    conversation.updated_at = timezone.now()
    conversation.save(update_fields=["leaf", "updated_at"])
    return conversation


def _parse(data: bytes) -> dict[str, Any]:
    try:
        content = json_read(data.replace(b"\\u0000", b""))  # databases refuse it in text
    except TooDeep as error:
        _wrong("file", f"This cannot be read: {error}.")
    except ValueError:
        _wrong("file", "This is not a JSON file.")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        _wrong("format", f"This is not an exported conversation ({FORMAT}).")
    if content.get("version") != VERSION:
        _wrong("version", f"Only version {VERSION} can be read.")
    return content


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    given = _typed(content, "conversation", (dict,), "conversation")
    settings = {
        name: _typed(given, name, kinds, f"conversation.{name}")
        for name, kinds in TYPES.items()
        if name in given
    }
    for name, limit in SETTING_LIMITS.items():
        value = settings.get(name)
        if value is not None and (isinstance(value, bool) or not limit.allows(value)):
            _wrong(f"conversation.{name}", f"It must be {limit.words}.")
    if not all(word in ("allow", "ask", "deny") for word in settings.get("tools", {}).values()):
        _wrong("conversation.tools", "Each tool is set to allow, ask or deny.")
    settings["title"] = settings.get("title", "")[:LONGEST_TITLE] or "Imported chat"
    if len(settings.get("model", "")) > 255:
        _wrong("conversation.model", "It is too long.")
    return settings


def _messages(content: dict[str, Any]) -> list[Any]:
    messages = _typed(content, "messages", (list,), "messages")
    if len(messages) > MOST_MESSAGES:
        _wrong("messages", f"There are more than {MOST_MESSAGES:,}.")
    return list(messages)


def _message_in(
    conversation: Conversation, made: dict[str, Message], entry: Any, field: str
) -> tuple[str, Message]:
    if not isinstance(entry, dict):
        _wrong(field, "It must be an object.")
    key = _typed(entry, "id", (str,), f"{field}.id")
    parent = _typed(entry, "parent", (str, type(None)), f"{field}.parent")
    role = _typed(entry, "role", (str,), f"{field}.role")
    if key in made:
        _wrong(f"{field}.id", "Two messages have this id.")
    if parent is not None and parent not in made:
        _wrong(f"{field}.parent", "It must be the id of an earlier message.")
    above = made[parent] if parent is not None else None
    if role not in ROLES or (above.role if above else "assistant") == role:
        _wrong(f"{field}.role", "Questions (user) and answers (assistant) take turns.")
    content = _typed(entry, "content", (str,), f"{field}.content")
    if len(content) > LONGEST_MESSAGE:
        _wrong(f"{field}.content", "It is too long.")
    parts = _parts(entry.get("parts", []), f"{field}.parts")
    message = Message(
        conversation=conversation,
        parent=above,
        role=role,
        content=parts_text(parts) if parts else content,
        thinking=parts_text(parts, "thinking"),
        parts=parts_encode(parts),
        model=_typed(entry | {"model": entry.get("model", "")}, "model", (str,), f"{field}.model")[
            :255
        ],
    )
    return key, message


def _parts(data: Any, field: str) -> list[Part]:
    if not isinstance(data, list):
        _wrong(field, "It must be a list.")
    for index, entry in enumerate(data):
        place = f"{field}.{index}"
        if not isinstance(entry, dict) or entry.get("kind") not in ("text", "thinking", "tool"):
            _wrong(f"{place}.kind", "It must be text, thinking or tool.")
        for name, value in entry.items():
            if name not in PART_TYPES or not isinstance(value, PART_TYPES[name]):
                _wrong(f"{place}.{name}", "It is unknown or of the wrong type.")
    return parts_decode(data)


def _leaf(content: dict[str, Any], made: dict[str, Message]) -> Message | None:
    leaf = content.get("leaf")
    if leaf is None:
        return next(reversed(made.values()), None)
    if not isinstance(leaf, str) or leaf not in made:
        _wrong("leaf", "It must be the id of a message.")
    return made[leaf]


def _typed(data: dict[str, Any], name: str, kinds: tuple[type, ...], field: str) -> Any:
    if name not in data:
        _wrong(field, "It is missing.")
    if not isinstance(data[name], kinds):
        _wrong(field, "It has the wrong type.")
    return data[name]


def _wrong(field: str, message: str) -> NoReturn:
    raise InvalidRequest(f"{field}: {message}", field=field)
