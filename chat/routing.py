"""The WebSocket routes of the chat app."""

from django.urls import path

from chat.api.websocket import ChatConsumer
from chat.pages.following import ADDRESS, ChatsConsumer

websocket_urlpatterns = [
    path("api/chat/ws", ChatConsumer.as_asgi()),
    path(ADDRESS, ChatsConsumer.as_asgi()),
]
