"""Errors of requests, and their JSON form."""

from __future__ import annotations

import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mnist_edge.errors import MnistEdgeError


class RequestRefused(Exception):
    """A request gets an error instead of an answer.

    Args:
        status: HTTP status.
        kind: name of the error, for programs.
        message: one line for a person.
        headers: of the response.
    """

    def __init__(
        self, status: int, kind: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.headers = status, kind, headers


def busy(message: str) -> RequestRefused:
    """Return the refusal of a request that may succeed a second later."""
    return RequestRefused(429, "Busy", message, {"retry-after": "1"})


def error_document(kind: str, message: str) -> dict[str, Any]:
    """Return the JSON form of an error."""
    return {"error": {"type": kind, "message": message}}


def error_response(
    status: int, kind: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error as the response to a request."""
    return JSONResponse(error_document(kind, message), status, headers)


def refusal_response(request: Request, error: RequestRefused) -> Response:
    """Respond to a request that was refused."""
    return error_response(error.status, error.kind, str(error), error.headers)


def disconnected_response(request: Request, error: ClientDisconnect) -> Response:
    """Respond to a client that left within the body; the status is for the counters."""
    return error_response(400, "Disconnected", "the client left within the body")


def http_error_response(request: Request, error: HTTPException) -> Response:
    """Respond to a request for a route or a method that does not exist."""
    kind = re.sub(r"\W", "", error.detail)
    message = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return error_response(error.status_code, kind, message, dict(error.headers or {}))


def model_error_response(request: Request, error: MnistEdgeError) -> Response:
    """Respond to a request that the model failed on."""
    return error_response(503, type(error).__name__, str(error))


def unexpected_error_response(request: Request, error: Exception) -> Response:
    """Respond to a request that a defect of this program failed on."""
    return error_response(500, "InternalError", "the server failed on this request; report it")
