"""The REST routes of language models."""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.web.rest import JSONWhateverAccepted
from common.web.users import user_of
from inference import openapi, services
from inference.models import LanguageModel
from inference.serializers import EngineSerializer, LoadSerializer, SearchSerializer


def changed(row: LanguageModel, code: int = status.HTTP_200_OK) -> Response:
    """The model after a change."""
    return Response({"success": True, **services.model_info(row).as_json()}, status=code)


class ModelsView(APIView):
    """What they share: JSON, whatever the client accepts."""

    content_negotiation_class = JSONWhateverAccepted


class ModelListView(ModelsView):
    """GET /api/models."""

    @openapi.model_list
    def get(self, request: Request) -> Response:
        """List available models."""
        infos = services.model_infos()
        return Response(
            {
                "models": [info.as_json() for info in infos],
                "default": infos[0].id,  # it comes first
                "memory": {
                    "used_bytes": services.memory_used(),
                    "limit_bytes": settings.MODEL_MEMORY_LIMIT,
                },
            }
        )


class ModelSearchView(ModelsView):
    """GET /api/models/search."""

    @openapi.model_search
    def get(self, request: Request) -> Response:
        """Search the Hugging Face hub.

        For models that can run on this machine, by words; the most downloaded first.
        """
        query = SearchSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        words = query.validated_data["q"]
        found = services.hub_search(words=words)
        return Response({"query": words, "models": [asdict(match) for match in found]})


class ModelView(ModelsView):
    """GET and DELETE /api/models/{id}."""

    @openapi.model_get
    def get(self, request: Request, model_id: str) -> Response:
        """Give one model."""
        return Response(services.model_info(services.model_resolve(model_id)).as_json())

    @openapi.model_delete
    def delete(self, request: Request, model_id: str) -> Response:
        """Delete a model's files.

        A recommended model stays in the list, to be downloaded again.
        """
        services.model_delete(name=model_id, by=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ModelLoadView(ModelsView):
    """POST /api/models/{id}/load."""

    @openapi.model_load
    def post(self, request: Request, model_id: str) -> Response:
        """Load a specific model.

        Downloads it first if need be, also one that is not in the list yet: any MLX model of the
        hub by its id, and any GGUF file as `organisation/name:Q4_K_M`. Without the tag the best
        file of a GGUF repository is taken, and the answer's `id` says which. With `wait` false the
        state in the list tells how it goes.
        """
        body = LoadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["wait"]:
            return changed(services.model_load(name=model_id, by=user_of(request)))
        row = services.model_load_start(name=model_id, by=user_of(request))
        return changed(row, status.HTTP_202_ACCEPTED)


class ModelUnloadView(ModelsView):
    """POST /api/models/{id}/unload."""

    @openapi.model_unload
    def post(self, request: Request, model_id: str) -> Response:
        """Unload a model.

        Its memory returns to the system, its running answers end. A load or a download under way is
        given up. Unloading what is not loaded does nothing.
        """
        return changed(services.model_unload(name=model_id, by=user_of(request)))


class ModelPauseView(ModelsView):
    """POST /api/models/{id}/pause."""

    @openapi.model_pause
    def post(self, request: Request, model_id: str) -> Response:
        """Pause a download.

        What has come stays on the disk, and the next load goes on from there. Pausing what is not
        being downloaded does nothing.
        """
        return changed(services.model_pause(name=model_id, by=user_of(request)))


class ModelDismissView(ModelsView):
    """POST /api/models/{id}/dismiss."""

    @openapi.model_dismiss
    def post(self, request: Request, model_id: str) -> Response:
        """Dismiss a model's last error.

        `last_error` is kept until then, or until the model is loaded again.
        """
        return changed(services.model_dismiss(name=model_id, by=user_of(request)))


class ModelDefaultView(ModelsView):
    """POST /api/models/{id}/default."""

    @openapi.model_default
    def post(self, request: Request, model_id: str) -> Response:
        """Make a model the default one.

        It answers when a request names no model.
        """
        return changed(services.model_set_default(name=model_id, by=user_of(request)))


class ModelEngineView(ModelsView):
    """POST /api/models/{id}/engine."""

    @openapi.model_engine
    def post(self, request: Request, model_id: str) -> Response:
        """Choose a model's engine.

        One of its `engines`; with `auto` it follows the model and the machine again. A model that
        is loaded on another engine is unloaded, and its running answers end; the next use loads it
        on the new one.
        """
        body = EngineSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        engine = body.validated_data["engine"]
        return changed(services.model_engine_set(name=model_id, engine=engine, by=user_of(request)))
