"""A conversation in the forms that chat templates take.

Many templates know no system role, or want user and assistant to take turns, and refuse anything
else. The words of a conversation can be put so that they take it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from inference.types import PromptMessage, WrittenCall

START, END = "<tool_call>", "</tool_call>"

Messages = tuple[PromptMessage, ...]


def conversation_forms(messages: Sequence[PromptMessage]) -> Iterator[Messages]:
    """The conversation as it is, and then in forms for ever stricter templates."""
    given = tuple(messages)
    yield given
    seen = [given]
    orderly = turns_in_order(given)
    short = ids_shortened(orderly)
    plain = turns_in_order(messages_in_text(given))
    folded = (system_folded(short), plain, system_folded(plain))
    for form in (orderly, short, *folded):
        if form not in seen:
            seen.append(form)
            yield form


def turns_in_order(messages: Sequence[PromptMessage]) -> Messages:
    """The system's words first and in one message, then turns that begin with the user's, no two
    of them in a row by the same."""
    system = [message for message in messages if message.role == "system"]
    turns = _merged([message for message in messages if message.role != "system"])
    if turns and turns[0].role == "assistant":
        turns = [PromptMessage("user"), *turns]
    return (*_merged(system), *turns)


def ids_shortened(messages: Messages) -> Messages:
    """Calls by the only ids that Mistral's templates take: nine letters or digits."""

    def short(given: str) -> str:
        return hashlib.sha256(given.encode()).hexdigest()[:9]

    return tuple(
        replace(
            message,
            tool_calls=tuple(replace(call, id=short(call.id)) for call in message.tool_calls),
            tool_call_id=None if message.tool_call_id is None else short(message.tool_call_id),
        )
        for message in messages
    )


def system_folded(messages: Messages) -> Messages:
    """The system's words at the beginning of the user's first."""
    if not messages or messages[0].role != "system":
        return messages
    system, *turns = messages
    if turns and turns[0].role == "user":
        words = "\n\n".join(filter(None, (system.content, turns[0].content)))
        return (replace(turns[0], content=words), *turns[1:])
    return (PromptMessage("user", system.content), *turns)


def _merged(messages: Sequence[PromptMessage]) -> list[PromptMessage]:
    """Equal neighbours as one; each result of a tool answers a call of its own, and stays."""
    merged: list[PromptMessage] = []
    for message in messages:
        last = merged[-1] if merged else None
        if last is None or last.role != message.role or message.role == "tool":
            merged.append(message)
            continue
        words = "\n\n".join(filter(None, (last.content, message.content)))
        merged[-1] = replace(
            last, content=words, tool_calls=(*last.tool_calls, *message.tool_calls)
        )
    return merged


def messages_in_text(messages: Sequence[PromptMessage]) -> Messages:
    """Calls and results written into the text, for a template that knows neither."""
    plain: list[PromptMessage] = []
    for message in messages:
        if message.role == "tool":
            text = f"<tool_response>\n{message.content}\n</tool_response>"
            if plain and plain[-1].role == "user" and plain[-1].tool_call_id == "merged":
                plain[-1] = replace(plain[-1], content=f"{plain[-1].content}\n{text}")
            else:
                plain.append(PromptMessage("user", text, tool_call_id="merged"))
        elif message.tool_calls:
            calls = "\n".join(f"{START}{_call_json(call)}{END}" for call in message.tool_calls)
            text = f"{message.content}\n{calls}".strip()
            plain.append(PromptMessage(message.role, text))
        else:
            plain.append(message)
    return tuple(replace(message, tool_call_id=None) for message in plain)


def _call_json(call: WrittenCall) -> str:
    return f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'
