"""Titles, written by the model in the background after the first answer."""

from __future__ import annotations

import re
from uuid import UUID

from agents.loops.contract import Loop
from agents.loops.reply import reply_loop
from agents.models import Run
from agents.services import run_start
from chat.models import Message
from chat.services import conversation_title_from_model
from chat.tree import path_ids, path_read
from inference import services as inference
from inference.errors import QueueFull
from inference.types import BATCH, GenerationRequest, PromptMessage, Sampling

PROMPT = (
    "Give a title of two to six words for the conversation that starts like this. "
    "Write the title only, without quotation marks.\n\n"
)
LONGEST_PART = 600  # characters of question and answer that the model is shown
LONGEST_TITLE = 60
FITTING = re.compile(r"[^\n{}<>|*`]{2,60}")
QUOTES = " \t\"'“”„‟‘’«»「」*_"  # what stands around a title
BEFORE, AFTER = QUOTES + "#:-–—", QUOTES + ".…,;:·、，。；：．-–—"
LABEL = re.compile(r"(?:title|titel|titre|título)\s*[:：]\s*", re.IGNORECASE)


def title_start(message: Message) -> None:
    """Have a title written for a conversation that got its first answer. A full queue is no loss:
    the first words of the question stay the title."""
    conversation = message.conversation
    question = message.parent
    if not conversation.auto_title or question is None or question.parent_id or not message.content:
        return
    params = {"conversation": str(conversation.id), "message": str(message.id)}
    try:
        run_start(owner=conversation.owner, kind="title", model=conversation.model, params=params)
    except QueueFull:
        return


def title_run(run: Run) -> Loop:
    """Ask the model that answered."""
    path = path_read(UUID(run.params["message"]))
    question, answer = path[0].content[:LONGEST_PART], path[1].content[:LONGEST_PART]
    text = f"{PROMPT}Question: {question}\nAnswer: {answer}\n\nTitle:"
    request = GenerationRequest(
        messages=(PromptMessage("user", text),),
        model=run.model,
        sampling=Sampling(temperature=0.0, top_p=1.0),
        max_tokens=24,
        stop=("\n",),
        priority=BATCH,
        owner=str(run.owner_id),
    )
    return reply_loop(request, inference.generate)


def title_finish(run: Run) -> None:
    """Take the title, if what came is one, and if it still is about what the conversation shows:
    the question may have been edited meanwhile, and then another title is on its way."""
    answers = Message.objects.select_related("conversation", "parent")
    answer = answers.filter(id=run.params["message"]).first()
    if answer is None or not _is_shown(answer):
        return
    wrote = run.state == Run.State.COMPLETED
    title = title_clean(run.output, is_cut=run.finish_reason == "length") if wrote else ""
    conversation_title_from_model(conversation=answer.conversation, title=title)


def _is_shown(answer: Message) -> bool:
    """Whether the conversation begins with the question of this answer."""
    return path_ids(answer.conversation.leaf_id)[:1] == [answer.parent_id]


def title_clean(text: str, *, is_cut: bool = False) -> str:
    """Make a title out of what a model said; "" when it is none. The last word of one that `is_cut`
    at the limit of tokens is not whole."""
    lines = text.strip().split("\n")
    line = LABEL.sub("", lines[0].lstrip(BEFORE), count=1)
    if is_cut and len(lines) == 1:
        line = line.rpartition(" ")[0]
    line = line.lstrip(BEFORE).rstrip(AFTER)
    return line if FITTING.fullmatch(line) else ""
