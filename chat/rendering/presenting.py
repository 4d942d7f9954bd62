"""Messages as the templates show them. The live renderer and the page use the same values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from agents.log import events
from agents.models import Run
from agents.react.goals import KIND as AGENT
from chat.models import Conversation, Message
from chat.parts import Part, Reply, parts_decode, parts_text, reply_fold
from chat.rendering import markdown
from chat.services import message_can_continue, message_is_unfinished
from chat.tree import Siblings, siblings_read
from common.jsons import json_read

ALONE = Siblings()
TOOL_STATES = {"waiting": "Waits for you", "running": "Running", "pending": "Running"}


@dataclass(frozen=True, slots=True)
class PartView:
    """A part with its HTML; `key` is unique in the page."""

    key: str
    part: Part
    html: str = ""

    @property
    def arguments(self) -> str:
        """The arguments of a call, laid out for reading; as they are where they are no JSON."""
        return self._laid_out() or self.part.arguments

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Arguments of several lines, such as code: in JSON nobody could read them."""
        parsed = _parsed(self.part.arguments)
        found = parsed if isinstance(parsed, dict) else {}
        return [(name, v) for name, v in found.items() if isinstance(v, str) and "\n" in v]

    @property
    def rest(self) -> str:
        """The arguments besides `texts`, laid out; "" when there are none."""
        texts = dict(self.texts)
        return self._laid_out(without=texts) if texts else self.arguments

    def _laid_out(self, without: Collection[str] = ()) -> str:
        """Nothing for what is no JSON, too deep, or leaves nothing."""
        parsed = _parsed(self.part.arguments)
        if isinstance(parsed, dict) and without:
            parsed = {name: value for name, value in parsed.items() if name not in without}
        return json.dumps(parsed, indent=2, ensure_ascii=False) if parsed else ""

    @property
    def result(self) -> str:
        result = self.part.result
        return (
            result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, indent=2)
        )

    @property
    def state(self) -> str:
        """In words."""
        if self.part.success is not None:
            return "Done" if self.part.success else "Failed"
        return TOOL_STATES.get(self.part.state, self.part.state.capitalize())


@dataclass(frozen=True, slots=True)
class MessageView:
    """All that _message.html needs of one message."""

    message: Message
    state: str
    parts: list[PartView] = field(default_factory=list)
    siblings: Siblings = ALONE
    finish_reason: str = ""
    error: dict[str, Any] | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    is_silent: bool = True
    words: SafeString | str = ""  # a question with what was looked for marked
    is_hit: bool = False

    @property
    def version(self) -> str:
        """See `message_version`."""
        return message_version(self.message, self.siblings)

    @property
    def is_live(self) -> bool:
        return self.state in Run.ACTIVE

    @property
    def can_continue(self) -> bool:
        return message_can_continue(self.message)

    @property
    def text(self) -> str:
        """For the clipboard: the words as they were written."""
        return parts_text([view.part for view in self.parts]) or self.message.content

    @property
    def tokens_per_second(self) -> float | None:
        tokens, seconds = self.usage.get("completion_tokens", 0), self.usage.get("decode_seconds")
        return tokens / seconds if seconds and tokens > 1 else None

    @property
    def repeated_itself(self) -> bool:
        """The answer ran in a circle, and was ended."""
        stopped = self.usage.get("stopped_by") == "repetition"
        return stopped and self.finish_reason == "stop"  # an agent says it in its own words

    @property
    def is_by_agent(self) -> bool:
        """The answer is an agent's: its steps can be looked at."""
        return bool(self.message.run and self.message.run.kind == AGENT)

    @property
    def stood_in_for(self) -> str:
        """The model that was to answer, where another one did (the hub could not be reached)."""
        run = self.message.run
        asked = run.params.get("asked_of", "") if run else ""
        return asked if self.message.model and self.message.model != asked else ""

    @property
    def was_asked(self) -> bool:
        """The engine could not take up the text in its middle and was asked to go on."""
        return bool(self.message.run and self.message.run.params.get("asked_to_continue"))


def _parsed(text: str) -> Any:
    """None for what is no JSON, or nested beyond all reason: models write anything."""
    try:
        return json_read(text)
    except ValueError:
        return None


def part_view(message: Message, index: int, part: Part) -> PartView:
    """Make a part with what it says rendered."""
    html = markdown.render(part.text) if part.kind == "text" else ""
    return PartView(part_key(message, index), part, mark_safe(html))


def message_version(message: Message, siblings: Siblings | None = None) -> str:
    """Tell apart what a page may show of a message. While an answer is written it stays the same:
    then the page follows the run."""
    run, place = message.run, siblings or ALONE
    state = "held" if message.queued else "done"
    if run is not None:
        state = f"{run.id.hex}-" + ("live" if run.is_active else f"{run.state}-{run.last_seq}")
    return f"{state}-{place.position}-{place.total}"


def part_key(message: Message, index: int) -> str:
    return f"part-{message.id.hex}-{index}"


def message_view(message: Message, siblings: Siblings | None = None) -> MessageView:
    """One message; of an answer under way what its log tells so far."""
    place = siblings or ALONE
    if message.role == Message.Role.USER:
        return MessageView(message, "completed", siblings=place)
    run = message.run
    if run is None:
        state = "held" if message.queued else "completed"
        return reply_view(message, Reply(_stored(message), state=state), place)
    if message_is_unfinished(message):
        before = parts_decode(run.params.get("before", []))
        return reply_view(message, reply_fold(events.read(run.id), before), place)
    reply = Reply(_stored(message), run.state, run.finish_reason, run.usage, run.error)
    return reply_view(message, reply, place)


def reply_view(message: Message, reply: Reply, siblings: Siblings) -> MessageView:
    """Make an answer from what is known of it."""
    return MessageView(
        message,
        reply.state if message.run or message.queued else _state_without_run(message),
        [part_view(message, index, part) for index, part in enumerate(reply.parts)],
        siblings,
        reply.finish_reason,
        reply.error,
        reply.usage,
        reply.is_silent,
    )


def _state_without_run(message: Message) -> str:
    """Imported, or its run could not be queued or was deleted."""
    return "completed" if message.content else "failed"


def _stored(message: Message) -> list[Part]:
    if message.parts:
        return parts_decode(message.parts)
    return [Part("text", text=message.content)] if message.content else []


def message_views(conversation: Conversation, messages: Iterable[Message]) -> list[MessageView]:
    """Messages of a path, with their siblings."""
    shown = list(messages)
    siblings = siblings_read(conversation.id, shown)
    return [message_view(message, siblings.get(message.id)) for message in shown]
