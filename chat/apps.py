"""The Django app: replies and titles are kinds of run, and what they wrote is kept at their end."""

from __future__ import annotations

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from agents.kinds import KINDS, RunKind
        from agents.signals import run_finished
        from chat.receivers import run_keep

        KINDS["reply"] = RunKind(
            loop="chat.replies.reply_run", renderer="chat.rendering.ReplyRenderer"
        )
        KINDS["title"] = RunKind(loop="chat.titles.title_run", renderer="", background=True)
        run_finished.connect(run_keep, dispatch_uid="chat.run_keep")
