from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.deployment.server.request_parsing import (
    ReadingQuery,
    parse_form,
    parse_query,
    receive_body,
)
from mnist_edge.deployment.server.settings import ServerLimits

FORM = Headers({"content-type": "multipart/form-data; boundary=b"})


def query(text: str) -> ReadingQuery:
    return parse_query(Request({"type": "http", "query_string": text.encode(), "headers": []}))


def test_parameters_have_defaults_and_are_read_in_any_order() -> None:
    assert query("") == ReadingQuery(read_all=False, explain=False, pixels=False, top=1)
    expected = ReadingQuery(read_all=True, explain=False, pixels=True, top=10)
    assert query("pixels=1&top=10&explain=0&all=true") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all=1&all=1", "'all': expected all, explain, pixels and top, each once"),
        ("every=1", "'every'"),
        ("top=0", "top='0': expected 1 to 10"),
        ("top=\u0661", "expected 1 to 10"),
        ("explain=yes", "explain='yes': expected true or false"),
    ],
)
def test_a_wrong_parameter_is_named(text: str, message: str) -> None:
    with pytest.raises(RequestRefused, match=message) as refused:
        query(text)
    assert (refused.value.status, refused.value.kind) == (400, "InvalidParameter")


def part(name: str, content: bytes, filename: str | None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes, limits: ServerLimits | None = None) -> list[tuple[str, bytes]]:
    body = b"".join([*parts, b"--b--\r\n"])
    return asyncio.run(parse_form(FORM, body, limits or ServerLimits()))


def test_the_files_of_a_form_come_in_their_order_and_its_fields_are_left_out() -> None:
    found = form(part("a", b"one", "1.png"), part("b", b"text", None), part("c", b"two", "2.png"))
    assert found == [("1.png", b"one"), ("2.png", b"two")]


def test_a_form_without_a_file_or_with_too_many_is_refused() -> None:
    with pytest.raises(RequestRefused, match="the form has no file") as refused:
        form(part("b", b"text", None))
    assert refused.value.status == 422
    with pytest.raises(RequestRefused, match="more than 1 pictures") as refused:
        form(*[part("a", b"", f"{n}") for n in range(2)], limits=ServerLimits(max_pictures=1))
    assert refused.value.status == 413


def test_a_body_is_received_up_to_its_limit() -> None:
    def receive(limit: int) -> bytes:
        chunks = iter((b"abc", b"def", b""))

        async def next_chunk() -> MutableMapping[str, Any]:
            chunk = next(chunks)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

        return asyncio.run(receive_body(Request({"type": "http"}, next_chunk), limit))

    assert receive(6) == b"abcdef"
    with pytest.raises(RequestRefused, match="larger than 5 bytes") as refused:
        receive(5)
    assert refused.value.status == 413
