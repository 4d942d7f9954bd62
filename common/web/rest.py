"""API views whose handlers are coroutines, so that a lost client cancels what they wait for.

DRF's own `dispatch` is synchronous: a view that waits for a model in it would neither notice that
its client left nor free its thread. adrf's view would also run authentication and throttles its own
way, and brings serializers and generics that nothing here uses; this is all that is needed of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class JSONWhateverAccepted(DefaultContentNegotiation):
    """The first renderer, whatever `Accept` says: clients of a stream ask for text/event-stream
    alone, and what goes wrong is told in JSON all the same."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class AsyncAPIView(APIView):
    """An APIView with `async def` handlers."""

    content_negotiation_class = JSONWhateverAccepted

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """DRF's own, with a handler that is awaited; the rest runs on the request's thread."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await sync_to_async(self.initial)(self.request, *args, **kwargs)
            response = await self._handle(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  the exception handler answers every one
            response = await sync_to_async(self.handle_exception)(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    async def _handle(self, *args: Any, **kwargs: Any) -> Response:
        name = str(self.request.method).lower()
        known = name in self.http_method_names
        handler = getattr(self, name, None) if known else None
        response = (handler or self.http_method_not_allowed)(self.request, *args, **kwargs)
        return await response if inspect.isawaitable(response) else response

    async def validated(
        self, request: Request, kind: type[serializers.Serializer[Any]], **context: Any
    ) -> Any:
        """Check the request's body. Parsing can take long, so not on the event loop."""

        def check() -> Any:
            serializer = kind(data=request.data, context=context)
            serializer.is_valid(raise_exception=True)
            return serializer

        return await sync_to_async(check)()
