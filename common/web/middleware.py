"""What middlewares share: one class serves sync and async requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse


class Middleware:
    """A Django middleware that may answer itself (`refuse`) and touch each response (`finish`)."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._call_async(request)
        return self.refuse(request) or self.finish(request, self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        refusal = await self.arefuse(request)
        return refusal or self.finish(request, await self.get_response(request))

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        """Make the answer to a request that may not pass; None for one that may."""
        return None

    async def arefuse(self, request: HttpRequest) -> HttpResponse | None:
        """Do the same on the event loop: one that asks the database goes to a thread here."""
        return self.refuse(request)

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Change the response as it leaves."""
        return response
