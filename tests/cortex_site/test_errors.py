"""One error shape for programs, designed pages for people."""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import CortexError
from common.problems import Problem
from cortex_site.errors import respond
from cortex_site.security import policy
from cortex_site.serving.connections import BoundedRequest
from inference.errors import QueueFull
from tests.server import CortexServer

pytestmark = pytest.mark.django_db


class Turn(serializers.Serializer):
    role = serializers.ChoiceField(["user", "system"])


class Body(serializers.Serializer):
    messages = Turn(many=True)
    count = serializers.IntegerField(min_value=1)


class Validating(APIView):
    def post(self, request: Request) -> Response:
        Body(data=request.data).is_valid(raise_exception=True)
        return Response({})


class Breaking(APIView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("the secret reason")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret reason")


def busy(request: HttpRequest) -> HttpResponse:
    raise QueueFull("Too many requests are waiting.")


class Refused(CortexError):
    """A refusal of any status."""

    code = "refused"

    def __init__(self, status: int) -> None:
        super().__init__("This is why.")
        self.status = status


def refused(request: HttpRequest, status: int) -> HttpResponse:
    raise Refused(status)


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("This is why.")


urlpatterns = [
    path("api/validating", Validating.as_view()),
    path("api/breaking", Breaking.as_view()),
    path("api/broken", broken),
    path("api/busy", busy),
    path("broken", broken),
    path("busy", busy),
    path("refused/<int:status>", refused),
    path("forbidden", forbidden),
    path("", include("cortex_site.urls")),
]
handler403 = "cortex_site.errors.permission_denied"
handler404 = "cortex_site.errors.page_not_found"
handler500 = "cortex_site.errors.server_error"


@pytest.fixture(autouse=True)
def routes():
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def client() -> Client:
    return Client(SERVER_NAME="localhost", raise_request_exception=False)


def test_validation_names_the_field_by_its_path(client: Client) -> None:
    body = {"messages": [{"role": "user"}, {"role": "robot"}], "count": 0}
    response = client.post("/api/validating", body, content_type="application/json")
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["code"] == "invalid_request"
    assert error["field"] == "messages.1.role"
    assert set(error["details"]["fields"]) == {"messages.1.role", "count"}
    assert "robot" in error["message"]


@pytest.mark.parametrize("body", ["{", "", "nul", '{"a": }', "\xff", "[" * 100_000])
def test_broken_json(client: Client, body: str) -> None:
    response = client.generic(
        "POST", "/api/validating", body.encode("latin-1"), content_type="application/json"
    )
    assert response.status_code == 400
    assert response.json()["error"]["code"] in ("invalid_json", "invalid_request")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api/breaking", "/api/broken"])
def test_a_500_has_an_id_that_stands_in_the_log_and_no_trace(
    client: Client, caplog: pytest.LogCaptureFixture, path: str, debug: bool
) -> None:
    with override_settings(DEBUG=debug):
        response = client.get(path)
    error = response.json()["error"]
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    [record] = [r for r in caplog.records if error["id"] in r.getMessage()]
    assert record.exc_info
    assert "the secret reason" in str(record.exc_info[1])


def test_a_500_page_is_designed(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/broken", HTTP_ACCEPT="text/html")
    page = response.content.decode()
    found = re.search(r"under id (\w+)", page)
    assert response.status_code == 500
    assert found
    assert found[1] in caplog.text
    assert "secret" not in page


def test_a_plain_view_may_raise_an_inference_error(client: Client) -> None:
    response = client.get("/api/busy")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.json()["error"]["code"] == "queue_full"


def test_a_page_may_raise_it_too(client: Client) -> None:
    response = client.get("/busy", HTTP_ACCEPT="text/html")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "Too many requests are waiting." in response.content.decode()


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api/nope", "/api/", "/v1/nope"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_api_paths(client: Client, method: str, path: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = client.generic(method, path, HTTP_ACCEPT="text/html")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_unknown_pages(client: Client) -> None:
    page = client.get("/nope", HTTP_ACCEPT="text/html")
    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()
    assert client.get("/nope").json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nope", 404), ("/forbidden", 403), ("/broken", 500), ("/refused/404", 404),
        ("/refused/413", 413), ("/refused/500", 500), ("/refused/507", 507), ("/busy", 503),
    ],
)  # fmt: skip
def test_an_error_page_has_the_ways_to_all_other_pages(
    client: Client, address: str, status: int
) -> None:
    response = client.get(address, HTTP_ACCEPT="text/html")
    html = response.content.decode()
    assert response.status_code == status
    for page in ("/", "/agents/", "/tools/", "/models/", "/admin/"):
        assert re.search(rf'<a class="nav__link"\s+href="{page}"', html), page
    assert re.search(r"<title>[\w ]+ · Cortex</title>", html)
    assert html.count("<h1>") == 1


def test_an_error_page_asks_the_database_for_nothing(
    client: Client, django_assert_num_queries: Any
) -> None:
    client.get("/nope", HTTP_ACCEPT="text/html")  # the owner is made
    request = RequestFactory().get("/nope", HTTP_ACCEPT="text/html")
    with django_assert_num_queries(0):
        page = respond(request, Problem(507, "disk_full", "No room is left."))
    assert "No room is left." in page.content.decode()
    assert "The disk is full" in page.content.decode()


def test_who_may_not_come_in_is_shown_no_way_in() -> None:
    for headers in ({"SERVER_NAME": "localhost", "REMOTE_ADDR": "10.0.0.9"}, {}):
        page = Client(HTTP_ACCEPT="text/html", **headers).get("/").content.decode()
        assert "nav__link" not in page
        assert "<h1>" in page


def test_a_script_is_told_in_json(client: Client) -> None:
    """It swaps no error page into a corner of the page, and shows the message."""
    response = client.get("/refused/507", HTTP_ACCEPT="text/html", HTTP_HX_REQUEST="true")
    assert response.json()["error"]["message"] == "This is why."


def test_a_wrong_method_says_which_are_right(client: Client) -> None:
    response = client.delete("/api/health")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_a_page_says_so_too(client: Client, accept: str) -> None:
    response = client.get("/models/refresh", HTTP_ACCEPT=accept)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert "GET is not taken here, only POST." in response.content.decode()
    assert ("nav__link" in response.content.decode()) == (accept == "text/html")


@pytest.mark.live
def test_a_body_of_ten_megabytes_is_refused(cortex_server: CortexServer) -> None:
    headers = {"Content-Type": "application/json"}
    url = f"{cortex_server.url}/api/chat/completions"
    response = requests.post(url, data=b" " * 10_000_000, headers=headers, timeout=60)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"
    assert requests.get(f"{cortex_server.url}/api/health", timeout=30).ok


@pytest.mark.live
def test_a_person_whose_file_is_too_large_gets_a_page(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/chat/import/"
    files = {"file": ("chat.json", b" " * 10_000_000)}
    response = requests.post(url, files=files, headers={"Accept": "text/html"}, timeout=60)
    assert response.status_code == 413
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.headers["Content-Security-Policy"] == policy("/chat/import/")
    assert "That is too large" in response.text
    assert 'href="/models/"' in response.text


@pytest.mark.live
def test_a_body_without_length_is_counted(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/chat/completions"
    chunks = (b" " * 1_000_000 for _ in range(10))
    headers = {"Content-Type": "application/json"}
    response = requests.post(url, data=chunks, headers=headers, timeout=60)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"


def in_chunks(body: bytes) -> Iterator[bytes]:
    """The body as proxies and Go's and Node's clients send it: without its length."""
    return (body[start : start + 100] for start in range(0, len(body), 100))


@pytest.mark.live
def test_a_body_in_chunks_is_read_by_the_api(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/tools/execute"
    call = {"tool_name": "calculator", "parameters": {"expression": "6 * 7" + " " * 200}}
    headers = {"Content-Type": "application/json"}
    answer = requests.post(
        url, data=in_chunks(json.dumps(call).encode()), headers=headers, timeout=60
    )
    assert answer.json()["result"] == "42"


@pytest.mark.live
def test_a_body_in_chunks_is_read_by_pages(cortex_server: CortexServer) -> None:
    session = requests.Session()
    session.headers["Accept"] = "text/html"
    session.get(f"{cortex_server.url}/chat/import/", timeout=60)
    chat = {
        "format": "cortex-conversation",
        "version": 1,
        "conversation": {"title": "In chunks"},
        "messages": [],
    }
    files = {"file": ("chat.json", json.dumps(chat))}
    asked = requests.Request("POST", "http://x/", files=files).prepare()
    headers = {
        "Content-Type": asked.headers["Content-Type"],
        "X-CSRFToken": session.cookies["csrftoken"],
    }
    page = session.post(
        f"{cortex_server.url}/chat/import/", data=in_chunks(asked.body), headers=headers, timeout=60
    )
    assert page.status_code == 200
    assert "In chunks" in page.text


def test_no_more_of_a_body_is_kept_than_is_needed_to_refuse_it(settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    request = BoundedRequest.__new__(BoundedRequest)
    request.content = io.BytesIO()
    for _ in range(5):
        request.handleContentChunk(b"12345678")
    assert request.content.getvalue() == b"12345678123"


@pytest.mark.live
@pytest.mark.parametrize(
    "raw",
    [
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
def test_malformed_requests_get_a_400(cortex_server: CortexServer, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(cortex_server.port)), timeout=30) as sock:
        sock.sendall(raw)
        answer = sock.recv(65536)
    assert answer.split(b" ")[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert requests.get(f"{cortex_server.url}/api/health", timeout=30).ok


def test_what_the_door_refuses_under_v1_has_openais_shape(owner_client):
    response = owner_client.post("/v1/chat/completions", "x", content_type="text/plain")
    assert response.status_code == 415
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", None)
