"""The REST routes of language models."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference import schema, services
from inference.models import LanguageModel
from inference.rest import JSONWhateverAccepted


def caller_of(request: Request) -> User:
    return cast(User, request.user)  # IsAuthenticated stands before every route


def changed(row: LanguageModel, code: int = status.HTTP_200_OK) -> Response:
    """The model after a change."""
    return Response({"success": True, **services.model_info(row).as_json()}, status=code)


class ModelsView(APIView):
    """What they share: JSON, whatever the client accepts."""

    content_negotiation_class = JSONWhateverAccepted


class ModelListView(ModelsView):
    """GET /api/models."""

    @schema.model_list
    def get(self, request: Request) -> Response:
        return Response(
            {
                "models": [info.as_json() for info in services.model_infos()],
                "default": services.model_default().name,
                "memory": {
                    "used_bytes": services.memory_used(),
                    "limit_bytes": settings.MODEL_MEMORY_LIMIT,
                },
            }
        )


class ModelView(ModelsView):
    """GET and DELETE /api/models/{id}."""

    @schema.model_get
    def get(self, request: Request, model_id: str) -> Response:
        return Response(services.model_info(services.model_resolve(model_id)).as_json())

    @schema.model_delete
    def delete(self, request: Request, model_id: str) -> Response:
        services.model_delete(name=model_id, by=caller_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ModelLoadView(ModelsView):
    """POST /api/models/{id}/load."""

    @schema.model_load
    def post(self, request: Request, model_id: str) -> Response:
        body = schema.LoadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["wait"]:
            return changed(services.model_load(name=model_id, by=caller_of(request)))
        row = services.model_load_start(name=model_id, by=caller_of(request))
        return changed(row, status.HTTP_202_ACCEPTED)


class ModelUnloadView(ModelsView):
    """POST /api/models/{id}/unload."""

    @schema.model_unload
    def post(self, request: Request, model_id: str) -> Response:
        return changed(services.model_unload(name=model_id, by=caller_of(request)))


class ModelDefaultView(ModelsView):
    """POST /api/models/{id}/default."""

    @schema.model_default
    def post(self, request: Request, model_id: str) -> Response:
        return changed(services.model_set_default(name=model_id, by=caller_of(request)))
