"""The WebSocket routes of the chat app."""

from django.urls import path

from chat.api.websocket import ChatConsumer

websocket_urlpatterns = [path("api/chat/ws", ChatConsumer.as_asgi())]
