"""A search engine on loopback, and what makes ddgs know it.

`STANDIN` is the source of a module: importing it registers the engine "standin" with ddgs, in this
process or in a server's. ddgs's own HTTP client asks it at $STANDIN_URL.
"""

from __future__ import annotations

import html
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

STANDIN = """
import os
from ddgs.base import BaseSearchEngine
from ddgs.engines import ENGINES
from ddgs.results import TextResult


class Standin(BaseSearchEngine[TextResult]):
    name, category, provider = "standin", "text", "standin"
    search_method = "GET"
    items_xpath = "//div[@class='hit']"
    elements_xpath = {"title": "./a/text()", "href": "./a/@href", "body": "./p/text()"}

    @property
    def search_url(self):
        return os.environ["STANDIN_URL"]

    def build_payload(self, query, region, safesearch, timelimit, page=1, **kwargs):
        return {"q": query, "region": region}


ENGINES["text"]["standin"] = Standin
"""


class SearchEngine:
    """Answers with `hits` (title, url, snippet). The query picks how it behaves: "refuse" gets 429,
    "slow" gets its answer after `delay` seconds, "nothing" gets no hits."""

    def __init__(self) -> None:
        self.hits = [
            (f"Result {n}", f"https://example.org/{n}", f"Snippet {n} & more") for n in range(1, 31)
        ]
        self.delay = 3.0
        self.queries: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/search"
        os.environ["STANDIN_URL"] = self.url
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        exec(STANDIN, {"__name__": "standin"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given = parse_qs(urlsplit(self.path).query)
                query = {key: values[0] for key, values in given.items()}
                engine.queries.append(query)
                status, hits = engine.behave(query["q"])
                body = engine.page(hits).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The tests' output is not for this."""

        return Handler

    def behave(self, query: str) -> tuple[int, list[tuple[str, str, str]]]:
        if query == "slow":
            time.sleep(self.delay)
        if query == "refuse":
            return 429, []
        return 200, [] if query == "nothing" else self.hits

    def page(self, hits: list[tuple[str, str, str]]) -> str:
        rows = "".join(
            f'<div class="hit"><a href="{html.escape(url)}">{html.escape(title)}</a>'
            f"<p>{html.escape(text)}</p></div>"
            for title, url, text in hits
        )
        return f"<html><body>{rows}<footer>end</footer></body></html>"
