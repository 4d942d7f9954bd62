"""Tools to try the machinery with, and the stand-in search engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.tooling.search_engine import SearchEngine
from tooling import services
from tooling.base import BaseTool
from tooling.builtin import initialize_tools
from tooling.registry import ToolRegistry


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseTool], BaseTool]:
    """Adds a tool for the length of a test."""
    registry: ToolRegistry = initialize_tools()
    monkeypatch.setattr(services, "registry", lambda: registry)

    def add(tool: BaseTool) -> BaseTool:
        registry.register(tool)
        return tool

    return add


@pytest.fixture
def search_engine() -> Iterator[SearchEngine]:
    """A search engine on loopback that ddgs asks under the name "standin"."""
    engine = SearchEngine()
    yield engine
    engine.close()
