"""Titles, written by the model in the background after the first answer."""

from __future__ import annotations

import re
from uuid import UUID

from agents.loops.contract import Loop
from agents.loops.reply import reply_loop
from agents.models import Run
from agents.services import run_start
from chat.models import Conversation, Message
from chat.services import conversation_title_from_model
from chat.tree import path_read
from inference import services as inference
from inference.errors import QueueFull
from inference.types import BATCH, GenerationRequest, PromptMessage, Sampling

PROMPT = (
    "Give a title of two to six words for the conversation that starts like this. "
    "Write the title only, without quotation marks.\n\n"
)
LONGEST_PART = 600  # characters of question and answer that the model is shown
LONGEST_TITLE = 60
FITTING = re.compile(r"[^\n{}<>|*#`]{3,60}")


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
    """Take the title, if what came is one."""
    title = title_clean(run.output)
    if title and run.state == Run.State.COMPLETED:
        conversation_title_from_model(conversation_id=UUID(run.params["conversation"]), title=title)
    else:
        Conversation.objects.filter(id=run.params["conversation"]).update(auto_title=False)


def title_clean(text: str) -> str:
    """Make a title out of what a model said; "" when it is none."""
    line = text.strip().split("\n")[0].removeprefix("Title:").strip(" \"'“”*#.:")
    return line if FITTING.fullmatch(line) else ""
