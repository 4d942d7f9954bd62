"""Routes of language models: the API and the pages."""

from django.urls import path

from inference import api, views

api_urlpatterns = [
    path("api/models", api.ModelListView.as_view(), name="api-models"),
    path("api/models/search", api.ModelSearchView.as_view(), name="api-model-search"),
    path("api/models/<path:model_id>/load", api.ModelLoadView.as_view(), name="api-model-load"),
    path(
        "api/models/<path:model_id>/unload", api.ModelUnloadView.as_view(), name="api-model-unload"
    ),
    path(
        "api/models/<path:model_id>/default",
        api.ModelDefaultView.as_view(),
        name="api-model-default",
    ),
    path(
        "api/models/<path:model_id>/engine", api.ModelEngineView.as_view(), name="api-model-engine"
    ),
    path("api/models/<path:model_id>/pause", api.ModelPauseView.as_view(), name="api-model-pause"),
    path(
        "api/models/<path:model_id>/dismiss",
        api.ModelDismissView.as_view(),
        name="api-model-dismiss",
    ),
    path("api/models/<path:model_id>", api.ModelView.as_view(), name="api-model"),
]

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/refresh", views.model_refresh, name="model-refresh"),
    path("models/search", views.model_search, name="model-search"),
    path("models/add", views.model_add, name="model-add"),
    path("models/<int:id>/engine", views.model_engine, name="model-engine"),
    path("models/<int:id>/<str:action>", views.model_change, name="model-change"),
]
