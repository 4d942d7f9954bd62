"""Web search through ddgs, a client for several search engines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ddgs import DDGS
from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

from common.types import JSON
from tooling.base import BaseTool, ToolParameter, ToolResult
from tooling.models import SearchSettings

ENGINE_TIMEOUT = 8  # seconds for one search engine
OFFLINE = ("DNSError", "DNSTimeoutError", "ConnectError")  # of its HTTP client
SENTENCES = {
    "nothing": "No results: the search engines found nothing, or refused to answer a program. "
    "Try other words, or try again later.",
    "refused": "Refused: the search engines take no more requests at the moment. Try again later.",
    "slow": f"Timed out: the search engines did not answer within {ENGINE_TIMEOUT} s.",
    "broken": "Failed: the search engines gave answers that could not be read. Try again later.",
    "offline": "Offline: the search engines cannot be reached from this machine.",
}
STOPPED = "Stopped before any search engine was asked."


class SearchClient(Protocol):
    def text(
        self, query: str, *, backend: str, region: str, safesearch: str, max_results: int
    ) -> list[dict[str, str]]: ...


def ddgs_client() -> SearchClient:
    return DDGS(timeout=ENGINE_TIMEOUT)


def unknown_backends(backends: str) -> list[str]:
    """Give the names in a list, separated by commas, that ddgs has no search engine for."""
    names = [name.strip() for name in backends.split(",") if name.strip()]
    if names == ["auto"]:
        return []
    from ddgs.engines import ENGINES  # loads all of them, which takes a while

    return [name for name in names if name not in {"auto", *ENGINES["text"]}]


class WebSearchTool(BaseTool):
    """Asks the search engines of the settings in turn until one has results."""

    timeout_seconds = 30.0
    untrusted = True
    repeatable = True

    def __init__(self, make_client: Callable[[], SearchClient] = ddgs_client) -> None:
        self.make_client = make_client

    @property
    def name(self) -> str:
        return "web_search"

    @property
    def description(self) -> str:
        return "Search the web; gives title, url and snippet of each result"

    @property
    def parameters(self) -> dict[str, ToolParameter]:
        return {
            "query": ToolParameter(
                name="query",
                type="string",
                description="What to search for",
                min_length=1,
                max_length=400,
            ),
            "num_results": ToolParameter(
                name="num_results",
                type="integer",
                description="How many results to return",
                required=False,
                default=5,
                minimum=1,
                maximum=20,
            ),
        }

    def execute(self, query: str, num_results: int = 5) -> ToolResult:
        if not query.strip():
            return ToolResult(success=False, error="The query is empty.")
        how, client, failures = SearchSettings.current(), self.make_client(), []
        for backend in how.backend_list:
            if self.stopping:
                break
            start = time.monotonic()
            try:
                hits = client.text(
                    query,
                    backend=backend,
                    region=how.region,
                    safesearch=how.safe_search,
                    max_results=num_results,
                )
            except DDGSException as error:
                failures.append(_failure(error, time.monotonic() - start))
            else:
                return ToolResult(success=True, result=_rows(hits)[:num_results])
        return ToolResult(success=False, error=_sentence(failures))


def _rows(hits: list[dict[str, str]]) -> list[JSON]:
    """title, url and snippet of the hits that lead to a web page."""
    return [
        {"title": hit.get("title", ""), "url": hit["href"], "snippet": hit.get("body", "")}
        for hit in hits
        if hit.get("href", "").startswith(("http://", "https://"))
    ]


def _failure(error: DDGSException, seconds: float) -> str:
    """The kind of failure, one of `SENTENCES`.

    ddgs says "No results found." of a search engine that found nothing, of one that answered with
    anything but 200 (which is how they refuse), and of one that was too slow for it.
    """
    text = str(error)
    if isinstance(error, RatelimitException):
        return "refused"
    if isinstance(error, TimeoutException) or seconds >= ENGINE_TIMEOUT:
        return "slow"
    if any(sign in text for sign in OFFLINE):
        return "offline"
    return "nothing" if "No results found" in text else "broken"


def _sentence(failures: list[str]) -> str:
    """What is worth knowing when every search engine failed: the best that any of them did."""
    return next((text for kind, text in SENTENCES.items() if kind in failures), STOPPED)
