"""A stand-in for the model hub on loopback: serves a test's files, and misbehaves at will."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "a" * 40
CHUNK = 64 * 1024


@dataclass
class Hub:
    """`repos`: id -> file name -> content. `hold` keeps file bodies back after their first chunk
    until it is set; `break_once` ends the first body of that file half-way; `lie` states another
    size for a file; `down` answers everything with 503."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)  # what a search may find
    hold: threading.Event | None = None
    break_always: set[str] = field(default_factory=set)
    break_once: set[str] = field(default_factory=set)
    lie: dict[str, int] = field(default_factory=dict)
    down: bool = False
    chunk: int = CHUNK
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range

    def bodies(self, name: str) -> list[str]:
        """The Range headers of the times a file's body was asked for; "" without one."""
        return [kept for method, path, kept in self.requests if method == "GET" and name in path]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
            if hub.down:
                self._send(503, b"{}", body)
            elif path == "/api/models":
                self._search(body)
            elif path.startswith("/api/models/"):
                self._api(path.removeprefix("/api/models/"), body)
            else:
                self._file(path.lstrip("/"), body)

        def _search(self, body: bool) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            words, kind = asked["search"][0].lower().split(), asked["filter"][0]
            listed = [
                {"id": name, **facts}
                for name, facts in hub.listed.items()
                if all(word in name.lower() for word in words) and kind in facts["tags"]
            ]
            self._send(200, json.dumps(listed[: int(asked["limit"][0])]).encode(), body)

        def _api(self, rest: str, body: bool) -> None:
            name = "/".join(rest.split("/")[:2])
            files = hub.repos.get(name)
            if files is None:
                self._missing(body)
                return
            if "/tree/" in rest:
                data: Any = [
                    {
                        "type": "file",
                        "path": path,
                        "size": hub.lie.get(path, len(content)),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for path, content in files.items()
                ]
            else:
                siblings = [
                    {"rfilename": path, "size": hub.lie.get(path, len(content))}
                    for path, content in files.items()
                ]
                data = {"id": name, "sha": COMMIT, "siblings": siblings, "tags": []}
            self._send(200, json.dumps(data).encode(), body)

        def _file(self, rest: str, body: bool) -> None:
            organisation, name, _, _, path = rest.split("/", 4)
            content = hub.repos.get(f"{organisation}/{name}", {}).get(path)
            if content is None:
                self._missing(body)
                return
            start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(hub.lie.get(path, len(content)) - start))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            if body:
                self._body(path, content[start:])

        def _body(self, path: str, content: bytes) -> None:
            if path in hub.break_once or path in hub.break_always:
                hub.break_once.discard(path)
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.wfile.write(content[: hub.chunk])
            self.wfile.flush()
            if hub.hold and path.endswith((".safetensors", ".gguf")):
                hub.hold.wait(60)
            self.wfile.write(content[hub.chunk :])

        def _missing(self, body: bool) -> None:
            self._send(404, b'{"error": "not found"}', body, {"X-Error-Code": "RepoNotFound"})

        def _send(
            self, status: int, data: bytes, body: bool, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed mid-download is what the tests want."""


@contextmanager
def hub_served() -> Iterator[Hub]:
    """A hub that runs until the block ends."""
    hub = Hub()
    server = _Server(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        if hub.hold:
            hub.hold.set()
        server.shutdown()
        server.server_close()
