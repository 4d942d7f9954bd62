"""A reply's log as frames for the page: htmx out-of-band swaps, sent over the run's WebSocket.

`start` replaces all that is shown of the answer, so a page may come (back) at any time. After it
`feed` sends only what is new: finished blocks are appended once, the open one is replaced. The
last frame is the same _message.html that the page is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from agents.models import Event, Run
from chat import context
from chat.models import Message
from chat.parts import Part, Reply, parts_decode
from chat.rendering.markdown import MarkdownStream
from chat.rendering.presenting import PartView, message_view, part_key, part_view
from chat.tree import siblings_read


class ReplyRenderer:
    """Renders one run of kind "reply" for one page."""

    def __init__(self, run: Run) -> None:
        self.message = Message.objects.select_related("run").get(id=run.params["message"])
        self.reply = Reply(parts_decode(run.params.get("before", [])))
        self._streams: dict[int, MarkdownStream] = {}
        self._shown: list[Part] = []

    def start(self, events_so_far: Sequence[Event]) -> str:
        """Everything that is shown of the answer up to now."""
        self._take(events_so_far)
        if self.reply.done:
            return self._final()
        self._shown = list(self.reply.parts)
        parts = [self._open(index, part) for index, part in enumerate(self._shown)]
        body = "".join(parts) + self._status()
        return f'<div id="{self._body}" hx-swap-oob="innerHTML">{body}</div>'

    def feed(self, new_events: Sequence[Event]) -> str:
        """Tell what these events change."""
        self._take(new_events)
        if self.reply.done:
            return self._final()
        frames = [
            self._change(index, part)
            for index, part in enumerate(self.reply.parts)
            if index >= len(self._shown) or part != self._shown[index]
        ]
        frames.append(self._status(oob=True))
        self._shown = list(self.reply.parts)
        return "".join(frames)

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.reply.add(event)

    @property
    def _body(self) -> str:
        return f"message-{self.message.id}-body"

    def _final(self) -> str:
        """The answer as the database has it, the state of the model, and the context's gauge."""
        message = Message.objects.select_related("run", "conversation").get(id=self.message.id)
        siblings = siblings_read(message.conversation_id, [message])
        view = message_view(message, siblings.get(message.id))
        values = {"view": view, "oob": True, **context.footing(message.conversation)}
        return render_to_string("chat/_final.html", values)

    def _status(self, oob: bool = False) -> str:
        """What stands below an answer that grows: what it waits for."""
        state = "waiting" if self.reply.state == Run.State.WAITING else "writing"
        if self.reply.is_silent:
            state = "starting"
        values = {"message": self.message, "state": state, "oob": oob}
        return render_to_string("chat/_status.html", values)

    def _change(self, index: int, part: Part) -> str:
        key = part_key(self.message, index)
        if index >= len(self._shown):
            return _oob(f"beforebegin:#message-{self.message.id}-status", self._open(index, part))
        if part.kind == "tool":
            return _part(part_view(self.message, index, part), self.message, oob=True)
        added = part.text[len(self._shown[index].text) :]
        if part.kind == "thinking":
            return _oob(f"beforeend:#{key}-tail", escape(added))
        finished, tail = self._streams[index].feed(added)
        frame = _oob(f"beforebegin:#{key}-tail", finished) if finished else ""
        return frame + _oob(f"innerHTML:#{key}-tail", tail)

    def _open(self, index: int, part: Part) -> str:
        """A part that may still grow."""
        if part.kind != "text":
            view = part_view(self.message, index, part)
            return _part(view, self.message)
        stream = self._streams[index] = MarkdownStream()
        finished, tail = stream.feed(part.text)
        key = part_key(self.message, index)
        html = format_html(
            '{}<div class="prose__tail" id="{}-tail">{}</div>',
            mark_safe(finished),
            key,
            mark_safe(tail),
        )
        return _part(PartView(key, part, html), self.message)


def _part(view: PartView, message: Message, oob: bool = False) -> str:
    values = {"part": view, "message": message, "live": True, "oob": oob}
    return render_to_string("chat/_part.html", values)


def _oob(swap: str, html: str) -> SafeString:
    return format_html('<div hx-swap-oob="{}">{}</div>', swap, mark_safe(html))
