"""The chat routes of the API."""

from django.urls import path

from chat.api import native, openai

api_urlpatterns = [
    path("api/chat/completions", native.ChatCompletionView.as_view(), name="chat-completions"),
    path("api/chat/completions/stream", native.ChatStreamView.as_view(), name="chat-stream"),
    path("ask", native.AskView.as_view(), name="ask"),
    path("v1/chat/completions", openai.ChatCompletionsView.as_view(), name="openai-chat"),
    path("v1/completions", openai.CompletionsView.as_view(), name="openai-completions"),
    path("v1/models", openai.ModelsView.as_view(), name="openai-models"),
    path("v1/models/<path:model>", openai.ModelView.as_view(), name="openai-model"),
]
