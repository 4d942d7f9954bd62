"""What can be done with conversations and messages. Pages, API and admin all come through here.

A message and the empty answer to it are committed before the run starts: what was acknowledged
cannot be lost, and the answer has a place before its first word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator

from agents.log import wakeups
from agents.models import Run
from agents.react.forks import run_resume
from agents.react.goals import KIND as AGENT
from agents.react.goals import Goal, goal_start
from agents.services import run_cancel, run_start
from chat.errors import MessageConflict
from chat.models import Conversation, Message
from chat.parts import Part, parts_decode, parts_encode, parts_text
from chat.tree import newest_leaf, path_read
from common.disk import storing
from common.errors import CortexError, InvalidRequest
from common.text import clean
from common.types import JSON
from inference import services as inference
from inference.errors import QueueFull
from inference.models import LanguageModel
from inference.types import Sampling

LONGEST_MESSAGE = 400_000  # characters; contexts end long before
LONGEST_TITLE = 200
AGENT_RECALLS, AGENT_RECALL_LENGTH = 6, 1000  # messages before the goal, characters of each
BIN_KEEPS = timedelta(days=1)
SAMPLING = tuple(Sampling.__dataclass_fields__)
SETTINGS = ("model", "system_prompt", *SAMPLING, "max_tokens", "tools")
Role = Message.Role


# --- Conversations -------------------------------------------------------------------------------


@storing("a conversation")
def conversation_create(*, owner: User, **settings: Any) -> Conversation:
    """Make a conversation with nothing in it; also empty the bin of what lies there too long."""
    Conversation.objects.filter(owner=owner, deleted_at__lt=timezone.now() - BIN_KEEPS).delete()
    return Conversation.objects.create(owner=owner, named=bool(settings.get("title")), **settings)


@storing("a conversation")
@transaction.atomic
def conversation_begin(
    *, owner: User, text: str, by_agent: bool = False, **settings: Any
) -> Conversation:
    """Begin a conversation with its first message; its settings (names in SETTINGS) hold for the
    answer to it, too."""
    conversation = conversation_create(owner=owner, **settings)
    message_send(conversation=conversation, text=text, by_agent=by_agent)
    return conversation


def conversation_rename(*, conversation: Conversation, title: str) -> None:
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE:
        message = f"A title has 1 to {LONGEST_TITLE} characters."
        raise InvalidRequest(message, field="title")
    _conversation_update(conversation, title=title, auto_title=False, named=True)


def conversation_title_from_model(*, conversation: Conversation, title: str) -> None:
    """Set the model's title, unless a person has chosen one meanwhile. Without one ("") the first
    words of the question stay."""
    rows = Conversation.objects.filter(id=conversation.id, auto_title=True)
    rows.update(auto_title=False, **({"title": title} if title else {}))
    conversation_announce(conversation)


def conversation_pin(*, conversation: Conversation, pinned: bool) -> None:
    _conversation_update(conversation, pinned=pinned)


def conversation_configure(*, conversation: Conversation, **settings: Any) -> None:
    """Change settings (names in SETTINGS); they hold from the next answer on."""
    _conversation_update(conversation, **settings)


def conversation_stop(*, conversation: Conversation) -> None:
    """End the answers that are being written, within a decode step; what was written stays."""
    for message in conversation.messages.filter(run__state__in=Run.ACTIVE).select_related("run"):
        if message.run:
            run_cancel(run=message.run)


def conversation_delete(*, conversation: Conversation) -> None:
    """Into the bin. Answers that are being written stop, and those that wait do not begin."""
    _conversation_update(conversation, deleted_at=timezone.now())
    conversation_stop(conversation=conversation)


@transaction.atomic
def conversation_restore(*, conversation: Conversation) -> None:
    """Out of the bin again. An answer that waited begins, if nothing is written before it."""
    conversation = _lock(conversation)
    _conversation_update(conversation, deleted_at=None)
    waiting = conversation.messages.filter(queued=True).exclude(
        parent__parent__run__state__in=Run.ACTIVE
    )
    for answer in waiting.filter(parent__parent__queued=False):
        _next_start(answer)


def conversation_waits(conversation: Conversation) -> bool:
    """Tell whether a question waits for the answer before it to end."""
    return conversation.messages.filter(queued=True).exists()


def conversation_announce(conversation: Conversation) -> None:
    """Tell the open pages of its owner that something is new, once that is committed."""
    key = announcements(conversation.owner_id)
    transaction.on_commit(lambda: wakeups.wake(key), robust=True)


def announcements(owner_id: int) -> str:
    """Name what the pages of an owner listen to."""
    return f"chats.{owner_id}"


@storing("a conversation")
def _conversation_update(conversation: Conversation, **values: Any) -> None:
    """Only these columns: a run may be changing others."""
    for name, value in values.items():
        setattr(conversation, name, value)
    Conversation.objects.filter(id=conversation.id).update(**values)
    conversation_announce(conversation)


# --- Messages ------------------------------------------------------------------------------------


@storing("a conversation")
@transaction.atomic
def message_send(
    *, conversation: Conversation, text: str, by_agent: bool = False
) -> tuple[Message, Message]:
    """Add what a person wrote, and begin the answer; it waits while another is being written.

    An agent takes the text as its goal, and does not wait: it can begin when nothing is written.
    """
    text = text_check(text)
    conversation = _lock(conversation)
    parent = conversation.leaf
    busy = parent is not None and message_is_unfinished(parent)
    _require(not (busy and by_agent), "An agent can begin when the answer above has ended.")
    question = _message_add(conversation, parent, Role.USER, content=text)
    if not conversation.title:
        _conversation_update(conversation, title=first_words(text))
    if by_agent:
        return question, _agent_start(_message_add(conversation, question, Role.ASSISTANT), text)
    return question, _answer_add(conversation, question, queued=busy)


@storing("a conversation")
@transaction.atomic
def message_regenerate(*, message: Message) -> Message:
    """Another answer beside this one."""
    _require(message.role == Role.ASSISTANT, "Only an answer can be written again.")
    _require(not message_is_unfinished(message), "The answer is still being written.")
    question = message.parent
    _require(question is not None, "There is no question before this answer.")
    assert question is not None
    return _answer_add(_lock(message.conversation), question)


@storing("a conversation")
@transaction.atomic
def message_edit(*, message: Message, text: str) -> Message:
    """Ask the same question in other words, beside the old one, with an answer of its own."""
    _require(message.role == Role.USER, "Only your own messages can be edited.")
    text = text_check(text)
    conversation = _lock(message.conversation)
    question = _message_add(conversation, message.parent, Role.USER, content=text)
    if message.parent_id is None and not conversation.named:  # its title told of the old question
        _conversation_update(conversation, title=first_words(text), auto_title=True)
    return _answer_add(conversation, question)


@storing("a conversation")
@transaction.atomic
def message_continue(*, message: Message) -> Message:
    """Go on with an answer that broke off, from the text that stands; without one, try again. An
    agent goes on after its last step."""
    _lock(message.conversation)
    message.refresh_from_db()
    _require(message_can_continue(message), "This answer has nothing to go on with.")
    if message.run and message.run.kind == AGENT:
        message.run = run_resume(run=message.run)
        conversation_announce(message.conversation)
        return message
    return _run_start(message, before=parts_decode(message.parts))


@storing("a conversation")
@transaction.atomic
def message_select(*, message: Message) -> Conversation:
    """Show the branch that goes through this message."""
    conversation = _lock(message.conversation)
    _conversation_update(conversation, leaf_id=newest_leaf(message))
    return conversation


@storing("a conversation")
@transaction.atomic
def message_discard(*, message: Message) -> Conversation:
    """Take back a question whose answer has not begun."""
    conversation = _lock(message.conversation)
    message.refresh_from_db()
    _require(message.queued, "The answer has begun; stop it instead.")
    question = message.parent
    _require(not message.children.exists(), "A later message follows this one.")
    assert question is not None
    _conversation_update(conversation, leaf_id=question.parent_id)
    question.delete()
    return conversation


def message_is_unfinished(message: Message) -> bool:
    return message.queued or bool(message.run and message.run.is_active)


def message_can_continue(message: Message) -> bool:
    """Broken off by a stop, an error, a restart or the length limit."""
    run = message.run
    if message.role != Role.ASSISTANT or message_is_unfinished(message):
        return False
    if run is None:
        return not message.content
    broken = run.state in (Run.State.STOPPED, Run.State.INTERRUPTED, Run.State.FAILED)
    return broken or run.finish_reason == "length"


@transaction.atomic
def answer_finish(*, run: Run, parts: list[Part]) -> None:
    """Keep what the run wrote, and let the answer that waited for it begin. Safe to repeat.

    The conversation is locked before looking who waits: a message that is just being sent either
    sees that this run has ended, or is seen here.
    """
    message = Message.objects.select_related("conversation").filter(run=run).first()
    if message is None:
        return
    _lock(message.conversation)
    message.parts = parts_encode(parts)
    message.content = parts_text(parts)
    message.thinking = parts_text(parts, "thinking")
    message.model = run.model or message.model
    message.save(update_fields=["parts", "content", "thinking", "model"])
    conversation_announce(message.conversation)
    waiting = Message.objects.filter(
        queued=True, parent__parent=message, conversation__deleted_at=None
    )
    for answer in waiting.select_related("conversation"):
        _next_start(answer)


def _next_start(answer: Message) -> None:
    """Begin an answer that waited."""
    try:
        _run_start(answer)
    except QueueFull:  # it can be asked for again in the page
        Message.objects.filter(id=answer.id).update(queued=False)
        conversation_announce(answer.conversation)


def text_check(text: str) -> str:
    """Take what a person sends, without the space around it."""
    text = clean(text.replace("\r\n", "\n")).strip()
    if not text:
        raise InvalidRequest("Write something first.", field="text")
    if len(text) > LONGEST_MESSAGE:
        message = f"A message has at most {LONGEST_MESSAGE:,} characters; this has {len(text):,}."
        raise InvalidRequest(message, field="text")
    return text


def _lock(conversation: Conversation) -> Conversation:
    """Two tabs that send at the same time take turns."""
    return Conversation.objects.select_for_update().get(id=conversation.id)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise MessageConflict(message)


def first_words(text: str) -> str:
    """Make a title of a question, until there is a better one."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0] + "…"


def _message_add(
    conversation: Conversation, parent: Message | None, role: str, **values: Any
) -> Message:
    message = Message.objects.create(conversation=conversation, parent=parent, role=role, **values)
    _conversation_update(conversation, leaf_id=message.id, updated_at=timezone.now())
    return message


def _answer_add(conversation: Conversation, question: Message, queued: bool = False) -> Message:
    answer = _message_add(conversation, question, Role.ASSISTANT, queued=queued)
    return answer if queued else _run_start(answer)


def _agent_start(message: Message, goal: str) -> Message:
    """Begin the agent run whose answer this message will hold."""
    conversation = message.conversation
    message.run = goal_start(
        owner=conversation.owner,
        goal=Goal(goal, context=_context_of(message)),
        model=conversation.model,
        message=str(message.id),
    )
    message.save(update_fields=["run"])
    conversation_announce(conversation)
    return message


def _context_of(answer: Message) -> JSON | None:
    """What was said before the goal, as far as an agent is told: its trace shows it."""
    assert answer.parent is not None
    past = path_read(answer.parent.parent_id, AGENT_RECALLS)
    said = [
        {"role": message.role, "content": Truncator(message.content).chars(AGENT_RECALL_LENGTH)}
        for message in past
        if message.content
    ]
    return {"conversation": said} if said else None


def _run_start(message: Message, before: list[Part] | None = None) -> Message:
    """Begin the run that writes this answer, after the parts that stand already."""
    conversation = message.conversation
    params: dict[str, Any] = {"message": str(message.id), "before": parts_encode(before or [])}
    if row := _model_of(conversation):
        params["asked_of"] = row.name
        if before and not row.is_local:
            params["asked_to_continue"] = True  # it cannot take up a text in its middle
    message.run = run_start(
        owner=conversation.owner,
        kind="reply",
        model=conversation.model,
        params=params,
        parent=message.run,
    )
    message.queued = False
    message.save(update_fields=["run", "queued"])
    conversation_announce(conversation)
    return message


def _model_of(conversation: Conversation) -> LanguageModel | None:
    """None for a model that is not there: the run will say so."""
    try:
        return inference.model_resolve(conversation.model)
    except CortexError:
        return None
