"""The chat app's routes: pages, and the API's (joined in cortex_site.urls)."""

from __future__ import annotations

from django.urls import path

from chat import conversation_views, views
from chat.api.urls import api_urlpatterns

__all__ = ["api_urlpatterns", "urlpatterns"]

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("chat/", views.start, name="start"),
    path("chat/list/", views.conversation_list, name="list"),
    path("chat/import/", conversation_views.import_file, name="import"),
    path("chat/model-state/", conversation_views.model_state, name="model-state"),
    path("chat/<uuid:key>/", views.conversation, name="conversation"),
    path("chat/<uuid:key>/messages/", views.messages, name="messages"),
    path("chat/<uuid:key>/stop/", views.stop, name="stop"),
    path("chat/<uuid:key>/title/", conversation_views.title, name="title"),
    path("chat/<uuid:key>/rename/", conversation_views.rename, name="rename"),
    path("chat/<uuid:key>/pin/", conversation_views.pin, name="pin"),
    path("chat/<uuid:key>/delete/", conversation_views.delete, name="delete"),
    path("chat/<uuid:key>/restore/", conversation_views.restore, name="restore"),
    path("chat/<uuid:key>/model/", conversation_views.model, name="model"),
    path("chat/<uuid:key>/settings/", conversation_views.settings, name="settings"),
    path("chat/<uuid:key>/share/", conversation_views.share, name="share"),
    path(
        "chat/<uuid:key>/export.md",
        conversation_views.export,
        {"kind": "md"},
        name="export-markdown",
    ),
    path(
        "chat/<uuid:key>/export.json",
        conversation_views.export,
        {"kind": "json"},
        name="export-json",
    ),
    path("chat/messages/<uuid:key>/", views.message, name="message"),
    path("chat/messages/<uuid:key>/edit/", views.message_edit, name="message-edit"),
    path("chat/messages/<uuid:key>/regenerate/", views.message_regenerate, name="regenerate"),
    path("chat/messages/<uuid:key>/continue/", views.message_continue, name="continue"),
    path("chat/messages/<uuid:key>/select/", views.message_select, name="select"),
    path("chat/messages/<uuid:key>/discard/", views.message_discard, name="discard"),
    path("chat/messages/<uuid:key>/loading/", views.message_loading, name="loading"),
    path("chat/messages/<uuid:key>/calls/<str:call_id>/", views.call_decide, name="call-decide"),
]
