"""Messages with what a search found in them marked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from chat.rendering.presenting import MessageView
from chat.search.marks import html_mark, text_mark


def hit_view(view: MessageView, terms: Collection[str], hits: Collection[UUID]) -> MessageView:
    """Mark the terms in a message, if it is one of those that were found."""
    if view.message.id not in hits:
        return view
    parts = [replace(part, html=html_mark(part.html, terms)) for part in view.parts]
    return replace(view, parts=parts, words=text_mark(view.message.content, terms), is_hit=True)
