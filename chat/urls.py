"""The chat app's routes: pages, and the API's (joined in cortex_site.urls)."""

from __future__ import annotations

from django.urls import path

from chat.api.urls import api_urlpatterns
from chat.pages import chat, conversations, suggestion

__all__ = ["api_urlpatterns", "urlpatterns"]

app_name = "chat"

urlpatterns = [
    path("", chat.home, name="home"),
    path("chat/", chat.start, name="start"),
    path("chat/list/", chat.conversation_list, name="list"),
    path("chat/new-settings/", chat.new_settings, name="new-settings"),
    path("chat/import/", conversations.import_file, name="import"),
    path("chat/model-state/", conversations.model_state, name="model-state"),
    path("chat/suggestion/", suggestion.suggestion, name="suggestion"),
    path("chat/suggestion/take/", suggestion.take, name="suggestion-take"),
    path("chat/suggestion/dismiss/", suggestion.dismiss, name="suggestion-dismiss"),
    path("chat/<uuid:key>/", chat.conversation, name="conversation"),
    path("chat/<uuid:key>/messages/", chat.messages, name="messages"),
    path("chat/<uuid:key>/stop/", chat.stop, name="stop"),
    path("chat/<uuid:key>/rename/", conversations.rename, name="rename"),
    path("chat/<uuid:key>/pin/", conversations.pin, name="pin"),
    path("chat/<uuid:key>/delete/", conversations.delete, name="delete"),
    path("chat/<uuid:key>/restore/", conversations.restore, name="restore"),
    path("chat/<uuid:key>/model/", conversations.model, name="model"),
    path("chat/<uuid:key>/settings/", conversations.settings, name="settings"),
    path("chat/<uuid:key>/share/", conversations.share, name="share"),
    path(
        "chat/<uuid:key>/export.md",
        conversations.export,
        {"kind": "md"},
        name="export-markdown",
    ),
    path(
        "chat/<uuid:key>/export.json",
        conversations.export,
        {"kind": "json"},
        name="export-json",
    ),
    path("chat/messages/<uuid:key>/", chat.message, name="message"),
    path("chat/messages/<uuid:key>/edit/", chat.message_edit, name="message-edit"),
    path("chat/messages/<uuid:key>/regenerate/", chat.message_regenerate, name="regenerate"),
    path("chat/messages/<uuid:key>/continue/", chat.message_continue, name="continue"),
    path("chat/messages/<uuid:key>/select/", chat.message_select, name="select"),
    path("chat/messages/<uuid:key>/discard/", chat.message_discard, name="discard"),
    path("chat/messages/<uuid:key>/loading/", chat.message_loading, name="loading"),
    path("chat/messages/<uuid:key>/calls/<path:call_id>/", chat.call_decide, name="call-decide"),
]
