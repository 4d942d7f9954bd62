"""The Django app: replies and titles are kinds of run, and what they wrote is kept at their end;
errors under /v1 have OpenAI's shape."""

from __future__ import annotations

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from agents.kinds import KINDS, RunKind
        from agents.signals import run_finished
        from agents.work.pruning import runs_keep
        from chat.api.openai_bodies import error_format
        from chat.models import Message
        from chat.receivers import run_keep
        from common.problems import format_register

        KINDS["reply"] = RunKind(
            loop="chat.replies.reply_run", renderer="chat.rendering.live.ReplyRenderer"
        )
        KINDS["title"] = RunKind(loop="chat.titles.title_run", renderer="", background=True)
        run_finished.connect(run_keep, dispatch_uid="chat.run_keep")
        runs_keep(lambda: Message.objects.exclude(run=None).values("run"))
        format_register("/v1", error_format)
