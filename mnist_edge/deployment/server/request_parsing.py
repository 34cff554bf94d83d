"""Parse requests to read pictures: their parameters and their forms."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mnist_edge.deployment.server.model_service import NamedPicture
from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.deployment.server.settings import ServerLimits

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MAX_TOP = 10
_MAX_FIELDS = 16
"""Fields of a form that are no files; nothing reads them."""


@dataclass(frozen=True, kw_only=True)
class ReadingQuery:
    """The parameters of a request to read pictures."""

    read_all: bool
    explain: bool
    pixels: bool
    top: int


def parse_query(request: Request) -> ReadingQuery:
    """Parse the parameters of a request to read pictures.

    Raises:
        RequestRefused: one is unknown, stands twice, or has no valid value.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in {"all", "explain", "pixels", "top"} or name in values:
            raise RequestRefused(
                400,
                "InvalidParameter",
                f"parameter {name!r}: expected all, explain, pixels and top, each once at most",
            )
        values[name] = value
    top = values.pop("top", "1")
    if not re.fullmatch(r"[0-9]{1,2}", top) or not 1 <= int(top) <= _MAX_TOP:
        raise RequestRefused(400, "InvalidParameter", f"top={top!r}: expected 1 to {_MAX_TOP}")
    for name, value in values.items():
        if value not in _FLAGS:
            raise RequestRefused(
                400, "InvalidParameter", f"{name}={value!r}: expected true or false"
            )
    flags = {name: _FLAGS[value] for name, value in values.items()}
    return ReadingQuery(
        read_all=flags.get("all", False),
        explain=flags.get("explain", False),
        pixels=flags.get("pixels", False),
        top=int(top),
    )


async def receive_body(request: Request, limit: int) -> bytes:
    """Receive a short body.

    Args:
        request: not one with pictures, whose bodies are counted together.
        limit: maximum number of bytes.

    Raises:
        RequestRefused: it is larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestRefused(413, "BodyTooLarge", f"the body is larger than {limit:,} bytes")
    return bytes(body)


async def parse_form(headers: Headers, body: bytes, limits: ServerLimits) -> list[NamedPicture]:
    """Return the files of a form with their names.

    Raises:
        RequestRefused: it is not a form, or has no or too many pictures.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        headers, stream(), max_files=limits.max_pictures + 1, max_fields=_MAX_FIELDS
    )
    # The body is in memory already; temporary files would be a second copy.
    parser.spool_max_size = limits.max_bytes + 1
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestRefused(400, "InvalidForm", f"multipart/form-data: {error.message}") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    try:
        if len(files) > limits.max_pictures:
            raise RequestRefused(
                413,
                "TooManyPictures",
                f"more than {limits.max_pictures} pictures; send them in several requests",
            )
        if not files:
            raise RequestRefused(
                422, "NoPicture", "the form has no file; expected one or more pictures"
            )
        return [
            (one.filename or f"picture {number}", await one.read())
            for number, one in enumerate(files, 1)
        ]
    finally:
        await form.close()
