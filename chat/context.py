"""What the chat templates are given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from agents.models import Run
from agents.services import prompt_reading, queue_place
from chat.models import Conversation, Message
from chat.rendering.hits import hit_view
from chat.rendering.presenting import message_views
from chat.search import SHOWN, Query, conversation_groups, conversation_list, query_read
from chat.search.listing import hit_address, hits_in
from chat.search.query import LONGEST_QUERY, WHERE
from chat.tree import PAGE, path_ids, path_read
from common.errors import CortexError
from common.web.pages import Off
from inference import services as inference
from inference.loaded.overview import is_downloaded
from inference.models import LanguageModel

Context = dict[str, Any]
State = LanguageModel.State

FIRST_ANSWERS = 3
COMING = (State.DOWNLOADING, State.LOADING)

EXAMPLES = [
    {"title": "Learn", "prompt": "Why is the sky blue? Explain it to a curious ten-year-old."},
    {
        "title": "Write",
        "prompt": "Write a short, warm invitation to a dinner in the garden.",
    },
    {"title": "Code", "prompt": "Write a Python function that finds all prime numbers below n."},
    {"title": "Plan", "prompt": "Plan a relaxed weekend in Paris for two people who love art."},
]


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that a search has found and somebody has opened, among all that were found."""

    search: Query
    message: UUID
    hits: tuple[UUID, ...]

    @property
    def place(self) -> int:
        """Its number; 0 when the words are not in it (any more)."""
        return self.hits.index(self.message) + 1 if self.message in self.hits else 0

    @property
    def previous(self) -> str:
        return self._address(self.place - 2) if self.place > 1 else ""

    @property
    def next(self) -> str:
        return self._address(self.place) if self.place < len(self.hits) else ""

    def _address(self, index: int) -> str:
        return hit_address(self.search, self.hits[index])


def opened(shown: Conversation, search: Query, message: Message) -> Opened:
    """Open a message that a search has found."""
    hits = hits_in(shown, search) if search.terms else []
    return Opened(search, message.id, tuple(hits))


def home(owner: User, query: str | Query = "") -> Context:
    """Show a new chat."""
    return sidebar(owner, query) | models(None) | {"examples": EXAMPLES}


def conversation(
    owner: User,
    shown: Conversation,
    before: Message | None = None,
    query: str | Query = "",
    hit: Opened | None = None,
) -> Context:
    """Make a conversation's page; it ends above the message `before`, or some way below a hit."""
    shared = sidebar(owner, query, str(shown.id)) | models(shown)
    return shared | thread(shown, before, hit) | {"gauge": gauge(shown)}


def sidebar(owner: User, query: str | Query = "", current: str = "") -> Context:
    search = query_read(query) if isinstance(query, str) else query
    entries = conversation_list(owner=owner, query=search)
    return {
        "groups": conversation_groups(entries[:SHOWN]),
        "more": len(entries) > SHOWN,
        "search": search,
        "places": WHERE.items(),
        "longest_query": LONGEST_QUERY,
        "current": uuid_or_none(current),
    }


def uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def thread(
    shown: Conversation, before: Message | None = None, hit: Opened | None = None
) -> Context:
    """Show the newest messages of the path, those above `before`, or those around a hit."""
    leaf, later = (before.parent_id if before else shown.leaf_id), None
    if hit:
        leaf, later = _around(path_ids(leaf), hit.message)
    messages = path_read(leaf, PAGE)
    older = messages[0].id if messages and messages[0].parent_id else None
    views = message_views(shown, messages)
    if hit:
        views = [hit_view(view, hit.search.terms, hit.hits) for view in views]
    return {
        "conversation": shown,
        "views": views,
        "older": older,
        "later": hit_address(hit.search, later) if hit and later else "",
        "is_older": before is not None,
        "hit": hit,
        "opened": hit.message if hit else None,
    }


def _around(path: list[UUID], message: UUID) -> tuple[UUID, UUID | None]:
    """The last message of a page with this message in it, and the next one, if that is not the
    end of the path."""
    at = path.index(message)
    if at >= len(path) - PAGE:
        return path[-1], None
    end = at + PAGE // 2
    return path[end], path[end + 1]


def models(shown: Conversation | None) -> Context:
    """For the model picker."""
    default = inference.model_default()
    chosen = shown.model if shown else ""
    row = LanguageModel.objects.filter(name=chosen).first() if chosen else default
    return {
        "conversation": shown,
        "models": [
            (name, label, isinstance(label, Off))
            for name, label in _picker_choices(default.name, row.name if chosen and row else "")
        ],
        "default_model": default,
        "chosen_model": chosen,
        "unknown_model": chosen if chosen and row is None else "",
        **(model_state(row) if row else {}),
    }


def _picker_choices(default: str, chosen: str) -> list[tuple[str, str]]:
    """The default stands first already; what is chosen stays, also where it is offered no more."""
    choices = inference.model_choices()
    if chosen and chosen not in dict(choices):
        choices.append((chosen, chosen))
    return [choice for choice in choices if choice[0] != default or choice[0] == chosen]


def suggestion(owner: User, shown: Conversation | None, watched: str) -> Context:
    """Tell, while the embedded model is the default, that it is a tiny one, and what would be
    better: on a new chat, and below the first answers of one that follows the default. `watched` is
    the model that was taken, if one was."""
    if not inference.embedded_is_default() or (shown and not _is_young(shown)):
        return {}
    model = inference.model_suggest()
    row = LanguageModel.objects.filter(name=watched).first() if watched else None
    taken = inference.model_info(row) if row else model
    return {
        "conversation": shown,
        "suggestion": {
            "model": model,
            "taken": taken,
            # A model that was loaded becomes the default a moment later.
            "is_busy": taken and (taken.state in COMING or (row is not None and taken.loaded)),
            "error": taken.last_error if taken and taken.state == State.FAILED else "",
            "may_manage": inference.may_manage_models(owner),
        },
    }


def _is_young(shown: Conversation) -> bool:
    answers = shown.messages.filter(role=Message.Role.ASSISTANT)
    return not shown.model and answers.count() <= FIRST_ANSWERS


def model_state(row: LanguageModel) -> Context:
    unloaded = row.state == LanguageModel.State.UNLOADED
    return {
        "model": row,
        "percent": round(row.progress * 100),
        "downloads": unloaded and not is_downloaded(row),
    }


def gauge(shown: Conversation) -> Context | None:
    """How full the context was at the end of the newest answer."""
    answers = shown.messages.filter(run__state__in=[Run.State.COMPLETED, Run.State.STOPPED])
    run = Run.objects.filter(message__in=answers.order_by("-created_at")[:1]).first()
    if run is None or not run.usage.get("prompt_tokens"):
        return None
    row = LanguageModel.objects.filter(name=run.model, context_length__gt=0).first()
    if row is None:
        return None
    used = run.usage["prompt_tokens"] + run.usage.get("completion_tokens", 0)
    percent = min(round(100 * used / row.context_length), 100)
    return {"used": used, "total": row.context_length, "percent": percent}


def footing(shown: Conversation) -> Context:
    """Tell what changes on the page, beside the answer, when it ends."""
    return {"gauge": gauge(shown), **_state_of(shown)}


def _state_of(shown: Conversation) -> Context:
    try:
        return model_state(inference.model_resolve(shown.model))
    except CortexError:
        return {}


def loading(answer: Message) -> Context:
    """Why an answer has not begun."""
    place = queue_place(run=answer.run) if answer.run else None
    wait = about(place.seconds) if place and place.seconds is not None else ""
    read = prompt_reading(run=answer.run) if answer.run else None
    reading = {"reads": read is not None, "read_percent": round(100 * (read or 0.0))}
    return {"place": place, "wait": wait, **reading, **_state_of(answer.conversation)}


def about(seconds: float) -> str:
    """Write a length of time for people, no more exact than a guess can be."""
    if seconds < 10:
        return f"{max(math.ceil(seconds), 1)} s"
    if seconds <= 90:
        return f"{5 * math.ceil(seconds / 5)} s"
    return f"{math.ceil(seconds / 60)} min"
