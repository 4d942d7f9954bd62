"""A server of ours in a process of its own, with an application and limits that a test chooses.

    python -m tests.cortex_site.serving.served <application> [NAME=seconds ...]

It prints its port, then what its application notes, a line each.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from cortex_site.limits import BodyLimit  # noqa: E402
from cortex_site.server import CortexServer  # noqa: E402
from cortex_site.serving import connections  # noqa: E402

START = {"type": "http.response.start", "status": 200, "headers": []}
PORTION = b"x" * 10_000


def note(*words: object) -> None:
    print(*words, flush=True)


async def length(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body, and with the one that the headers tell."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    told = dict(scope["headers"]).get(b"content-length", b"none")
    await send(START)
    await send({"type": "http.response.body", "body": b"%d %s" % (len(body), told)})


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """Send without end, and note how much was taken when the client is gone."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        frame = {"type": "websocket.send", "bytes": PORTION}
    else:
        await send(START)
        frame = {"type": "http.response.body", "body": PORTION, "more_body": True}
    sent = 0

    async def go_on() -> None:
        nonlocal sent
        while True:
            await send(frame)
            sent += len(PORTION)
            await asyncio.sleep(0)

    task = asyncio.create_task(go_on())
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
    task.cancel()
    note("gone", sent)


async def large(scope: Any, receive: Any, send: Any) -> None:
    """Send eight megabytes at once."""
    await send(START)
    await send({"type": "http.response.body", "body": b"y" * 2**23})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Take WebSocket messages, and note how the socket was closed."""
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": str(len(message.get("text") or ""))})
        else:
            note("closed", message["code"])
            return


def main(name: str, *limits: str) -> None:
    for limit in limits:
        key, _, value = limit.partition("=")
        setattr(connections, key, float(value))
    application = globals()[name]
    if name == "length":
        application = BodyLimit(application)
    CortexServer(
        application, "127.0.0.1", 0, lambda host, port: note("port", port), lambda: None
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
