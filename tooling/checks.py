"""What is wrong with the tools as they are set up, told when the server starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from tooling import services
from tooling.builtin.web_search import unknown_backends


@register()
def installed_tools(**kwargs: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"An installed tool was left out: {problem}.",
            hint="Update the package or remove it; the other tools work.",
            id="tooling.W001",
        )
        for problem in services.registry().problems
    ]


@register()
def search_backends(**kwargs: Any) -> list[CheckMessage]:
    unknown = unknown_backends(settings.WEB_SEARCH_BACKENDS)
    if not unknown:
        return []
    return [
        Warning(
            f"WEB_SEARCH_BACKENDS names unknown search engines: {', '.join(unknown)}.",
            hint="The default is auto. The admin has the list that is in use.",
            id="tooling.W002",
        )
    ]
