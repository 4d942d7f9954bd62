"""Bodies and forms of JSON: whatever comes, a value or words on what is wrong."""

from __future__ import annotations

import codecs
import io
from typing import Any

import pytest
from django import forms
from rest_framework.exceptions import ParseError

from common.errors import InvalidRequest
from common.web.parsers import BoundedJSONParser, JSONField
from tests.common.test_jsons import nested


def parse(body: bytes, encoding: str = "utf-8") -> Any:
    return BoundedJSONParser().parse(io.BytesIO(body), None, {"encoding": encoding})


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse(codecs.BOM_UTF8 + b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"{", "utf-8"), (b"\xff", "utf-8"), (b"[NaN]", "utf-8"), (b"1" * 5000, "utf-8"),
     (b"{}", "no-such-charset"), (b"{}", "zlib_codec")],
)  # fmt: skip
def test_what_cannot_be_read_is_a_parse_error(body: bytes, encoding: str) -> None:
    with pytest.raises(ParseError):
        parse(body, encoding)


def test_a_body_that_is_nested_too_deeply_names_its_field() -> None:
    with pytest.raises(InvalidRequest, match="context: it is nested deeper") as refused:
        parse(f'{{"context": {nested(500)}}}'.encode())
    assert refused.value.details == {"field": "context"}
    with pytest.raises(ParseError, match="nested deeper"):
        parse(nested(100_000).encode())


class Form(forms.Form):
    data = JSONField(required=False)


@pytest.mark.parametrize("text", [nested(500), nested(100_000), "9" * 5000, "{"])
def test_a_form_says_what_is_wrong_and_shows_it_again(text: str) -> None:
    form = Form({"data": text})
    assert not form.is_valid()
    said = "Enter a valid JSON" if text == "{" else "This is not JSON"
    assert said in str(form.errors)
    assert text[:5] in str(form)


def test_a_form_takes_json() -> None:
    form = Form({"data": '{"a": [1]}'})
    assert form.is_valid()
    assert form.cleaned_data["data"] == {"a": [1]}
    assert Form({"data": ""}).is_valid()
