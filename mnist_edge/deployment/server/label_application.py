"""The HTTP application of ``mnist-edge label``: pictures, guesses, and labels that are given."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mnist_edge.data.label_table import BoxEdges, Label
from mnist_edge.deployment.server.drawing_page import load_page
from mnist_edge.deployment.server.guard import Guard
from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.refusals import (
    RequestRefused,
    disconnected_response,
    error_response,
    http_error_response,
    model_error_response,
    refusal_response,
    unexpected_error_response,
)
from mnist_edge.deployment.server.request_parsing import receive_body
from mnist_edge.deployment.server.settings import ServerSettings
from mnist_edge.errors import InvalidValue, MnistEdgeError, PictureError
from mnist_edge.inference.labeling import MAX_LABELS, LabelingSession

_MAX_BODY = 100 * MAX_LABELS
"""Bytes of a request with labels."""
_EDGES = 4
_SEVERAL = {"": None, "true": True, "false": False}


class LabelServer:
    """The routes of a page to label pictures on.

    Args:
        session: the pictures and their labels.
        settings: token and hosts.
        metrics: where requests are counted.
    """

    def __init__(
        self, session: LabelingSession, settings: ServerSettings, metrics: ServerMetrics
    ) -> None:
        self._session, self._settings, self._metrics = session, settings, metrics
        self._page, self._policy = load_page("label.html")

    def application(self) -> ASGIApp:
        """Return the ASGI application."""
        picture = "/v1/pictures/{number}"
        routes = [
            Route("/", self.page),
            Route("/v1/folder", self.folder),
            Route(picture, self.picture),
            Route(f"{picture}/image", self.image),
            Route(f"{picture}/labels", self.set_labels, methods=["PUT"]),
        ]
        handlers: dict[Any, Callable[..., Any]] = {
            RequestRefused: refusal_response,
            ClientDisconnect: disconnected_response,
            HTTPException: http_error_response,
            PictureError: _picture_error_response,
            InvalidValue: _value_error_response,
            MnistEdgeError: model_error_response,
            Exception: unexpected_error_response,
        }
        app = Starlette(routes=routes, exception_handlers=handlers)
        return Guard(app, self._settings, self._metrics)

    def reload(self) -> None:
        """Find pictures that came since."""
        self._session.refresh()

    async def page(self, request: Request) -> Response:
        """Answer the page."""
        return HTMLResponse(self._page, headers={"content-security-policy": self._policy})

    async def folder(self, request: Request) -> Response:
        """Answer how far the labeling is, with the number of the first picture to label."""
        session = self._session
        await asyncio.to_thread(session.refresh)
        document = {"folder": session.folder.resolve().name, "first": session.next_open()}
        return JSONResponse(document | self._progress())

    async def picture(self, request: Request) -> Response:
        """Answer what helps to label a picture."""
        several = request.query_params.get("several", "")
        if several not in _SEVERAL:
            raise RequestRefused(
                400, "InvalidParameter", f"several={several!r}: expected true or false"
            )
        number = _picture_number(request)
        one = await asyncio.to_thread(self._session.picture, number, several=_SEVERAL[several])
        record = one.record
        document: dict[str, Any] = {
            "path": one.path,
            "labels": [{"label": label.text, "box": label.box} for label in one.labels],
            "guesses": [guess.to_dict() for guess in one.guesses],
            "problem": one.problem,
            "next": self._session.next_open(number),
        }
        if record:
            document["record"] = {
                "path": record.path,
                "time": record.time,
                "model": record.model,
                "reasons": record.reasons,
            }
        return JSONResponse(document | self._progress())

    async def image(self, request: Request) -> Response:
        """Answer a picture as a PNG, whatever its file is.

        The header ``picture-scale`` has the file's pixels per pixel of it, in which boxes are.
        """
        number = _picture_number(request)
        content, scale = await asyncio.to_thread(self._session.image, number)
        return Response(content, media_type="image/png", headers={"picture-scale": f"{scale:.6f}"})

    async def set_labels(self, request: Request) -> Response:
        """Save what a picture shows; answer what was said of it before."""
        number = _picture_number(request)
        labels = _parse_labels(await _receive(request))
        before = await asyncio.to_thread(self._session.set_labels, number, labels)
        document = {
            "before": [{"label": label.text, "box": label.box} for label in before],
            "next": self._session.next_open(number),
        }
        return JSONResponse(document | self._progress())

    def _progress(self) -> dict[str, int]:
        progress = self._session.count()
        return {"total": progress.total, "labeled": progress.labeled}


def _picture_number(request: Request) -> int:
    """Return the number in a picture's path.

    Raises:
        RequestRefused: it is none, or longer than any.
    """
    text = request.path_params["number"]
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RequestRefused(404, "PictureNotFound", "expected a picture's number in the path")
    return int(text)


async def _receive(request: Request) -> bytes:
    """Receive a body within its limit.

    Raises:
        RequestRefused: it is not JSON by its type, which no form of another page can have, or
            larger.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestRefused(
            415, "UnsupportedMediaType", f"content type {kind!r}: expected application/json"
        )
    return await receive_body(request, _MAX_BODY)


def _parse_labels(body: bytes) -> list[Label]:
    try:
        document = json.loads(body)
        return [
            Label(text=str(one["label"]), box=_parse_edges(one.get("box")))
            for one in document["labels"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RequestRefused(
            400,
            "InvalidLabels",
            'expected {"labels": [{"label": "7", "box": null or [left, top, right, bottom]}]}',
        ) from None


def _parse_edges(box: Any) -> BoxEdges | None:
    """Return a box of whole numbers.

    Raises:
        ValueError: it is none.
    """
    if box is None:
        return None
    if len(box) != _EDGES or any(type(edge) is not int for edge in box):
        raise ValueError(box)
    left, top, right, bottom = box
    if not (0 <= left < right <= 10**6 and 0 <= top < bottom <= 10**6):
        raise ValueError(box)
    return left, top, right, bottom


def _picture_error_response(request: Request, error: PictureError) -> Response:
    return error_response(404, type(error).__name__, str(error))


def _value_error_response(request: Request, error: InvalidValue) -> Response:
    return error_response(400, type(error).__name__, str(error))
