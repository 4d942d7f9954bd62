"""The ASGI application that Daphne serves: Django for HTTP, Channels for WebSockets."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex_site.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()  # sets Django up; what follows imports models

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack

from agents.routing import websocket_urlpatterns as run_urlpatterns
from chat.routing import websocket_urlpatterns as chat_urlpatterns
from common.cancellation import WhileConnected
from cortex_site.access import WebSocketAccess
from cortex_site.limits import BodyLimit, refuse_socket

protocols = ProtocolTypeRouter(
    {
        "http": BodyLimit(http),
        "websocket": SessionMiddlewareStack(
            WebSocketAccess(
                URLRouter(
                    [
                        *run_urlpatterns,
                        *chat_urlpatterns,
                        refuse_socket,
                    ]
                )
            )
        ),
    }
)
application = WhileConnected(protocols)
