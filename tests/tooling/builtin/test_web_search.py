"""Web search: the real ddgs, asking a search engine on loopback, or nobody at all."""

from __future__ import annotations

import pytest
from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

from tooling import services
from tooling.builtin import web_search
from tooling.builtin.web_search import WebSearchTool, unknown_backends
from tooling.models import SearchSettings, ToolCall


@pytest.fixture
def backends(owner):
    """Sets the list of search engines."""
    return lambda text: SearchSettings(backends=text).save()


def search(owner, **arguments):
    return services.tool_execute(name="web_search", arguments=arguments, caller=owner)


def test_results_have_title_url_and_snippet(owner, backends, search_engine):
    backends("standin")
    result = search(owner, query="cheese", num_results=3)
    assert result.success
    assert len(result.result) == 3
    for row in result.result:
        number = row["url"].rpartition("/")[2]
        assert row == {
            "title": f"Result {number}",
            "url": f"https://example.org/{number}",
            "snippet": f"Snippet {number} & more",
        }
    assert search_engine.queries == [{"q": "cheese", "region": "us-en"}]
    assert ToolCall.objects.get().result == result.result


def test_five_results_unless_asked_otherwise(owner, backends, search_engine):
    backends("standin")
    assert len(search(owner, query="cheese").result) == 5
    assert len(search(owner, query="cheese", num_results=20).result) == 20


def test_the_settings_reach_the_search_engine(owner, search_engine):
    SearchSettings(backends="standin", region="de-de").save()
    search(owner, query="cheese")
    assert search_engine.queries[0]["region"] == "de-de"


def test_links_that_lead_to_no_web_page_are_dropped(owner, backends, search_engine):
    backends("standin")
    search_engine.hits = [("Click", "javascript:alert(1)", ""), ("Page", "http://example.org", "")]
    assert [row["title"] for row in search(owner, query="x").result] == ["Page"]


@pytest.mark.parametrize("query", ["nothing", "refuse"])
def test_no_results_say_that_it_may_be_a_refusal(owner, backends, search_engine, query):
    backends("standin")
    result = search(owner, query=query)
    assert not result.success
    assert result.error.startswith("No results: ")


def test_a_slow_search_engine_is_a_time_out(owner, backends, search_engine, monkeypatch):
    monkeypatch.setattr(web_search, "ENGINE_TIMEOUT", 1)
    backends("standin")
    result = search(owner, query="slow")
    assert result.error.startswith("Timed out: ")


def test_offline_is_told(owner, backends, search_engine, monkeypatch):
    backends("standin")
    monkeypatch.setenv("STANDIN_URL", "http://127.0.0.1:9/search")
    assert search(owner, query="x").error.startswith("Offline: ")
    monkeypatch.setenv("STANDIN_URL", "http://search.invalid/search")
    assert search(owner, query="x").error.startswith("Offline: ")


def test_an_unreadable_answer_is_told(owner, backends, search_engine, monkeypatch):
    backends("standin")
    search_engine.page = lambda hits: ""
    assert search(owner, query="x").error.startswith(("Failed: ", "No results: "))


class Client:
    """Gives or raises what it was told, by search engine."""

    def __init__(self, **outcomes):
        self.outcomes, self.asked = outcomes, []

    def text(self, query, *, backend, region, safesearch, max_results):
        self.asked.append(backend)
        if isinstance(self.outcomes[backend], Exception):
            raise self.outcomes[backend]
        return self.outcomes[backend]


HIT = {"title": "T", "href": "http://example.org", "body": "B"}


def test_the_fall_back_list_is_tried_in_order_until_one_answers(owner, backends):
    backends("first, second,third")
    client = Client(first=DDGSException("No results found."), second=[HIT], third=[HIT])
    assert WebSearchTool(lambda: client).execute("x").success
    assert client.asked == ["first", "second"]


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([RatelimitException("202"), TimeoutException("timed out")], "Refused"),
        ([DDGSException("DNSError: x"), DDGSException("No results found.")], "No results"),
        ([DDGSException("ConnectError: x"), TimeoutException("timed out")], "Timed out"),
        ([DDGSException("ConnectError: x"), DDGSException("DNSError: x")], "Offline"),
        ([DDGSException("ParserError: Document is empty")], "Failed"),
    ],
)
def test_when_all_fail_the_best_of_them_is_told(owner, backends, errors, kind):
    outcomes = {f"engine{n}": error for n, error in enumerate(errors)}
    backends(",".join(outcomes))
    result = WebSearchTool(lambda: Client(**outcomes)).execute("x")
    assert not result.success
    assert result.error.startswith(f"{kind}: ")


def test_results_are_marked_as_untrusted(owner, backends, search_engine):
    backends("standin")
    assert search(owner, query="x").untrusted


def test_unknown_search_engines_are_named(search_engine):
    assert unknown_backends("auto") == []
    assert unknown_backends("duckduckgo, standin,bogus,, yohoo") == ["bogus", "yohoo"]
