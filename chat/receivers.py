"""What chat does when a run ends; called inside the transaction that ends it."""

from __future__ import annotations

from typing import Any

from agents.log import events
from agents.models import Run
from agents.react.goals import KIND as AGENT
from chat.models import Message
from chat.parts import parts_decode, reply_fold
from chat.services import answer_finish
from chat.titles import title_finish, title_start


def run_keep(run: Run, **kwargs: Any) -> None:
    """Copy the answer out of the log into its message, or the title into its conversation."""
    if run.kind == "title":
        title_finish(run)
    if run.kind not in ("reply", AGENT) or "message" not in run.params:
        return
    before = parts_decode(run.params.get("before", []))
    answer_finish(run=run, parts=reply_fold(events.read(run.id), before).parts)
    answers = Message.objects.select_related("conversation__owner", "parent")
    for message in answers.filter(run=run):
        title_start(message)
