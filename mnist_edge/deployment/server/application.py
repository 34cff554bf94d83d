"""The HTTP application: routes, their answers, and who may ask for them."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mnist_edge import __version__
from mnist_edge.deployment.server.drawing_page import load_page
from mnist_edge.deployment.server.guard import Guard
from mnist_edge.deployment.server.metrics import CONTENT_TYPE, ServerMetrics
from mnist_edge.deployment.server.model_service import ModelService, NamedPicture, Reading
from mnist_edge.deployment.server.reading_queue import ReadingQueue
from mnist_edge.deployment.server.refusals import (
    RequestRefused,
    busy,
    disconnected_response,
    http_error_response,
    model_error_response,
    refusal_response,
    unexpected_error_response,
)
from mnist_edge.deployment.server.request_parsing import ReadingQuery, parse_form, parse_query
from mnist_edge.deployment.server.settings import ServerSettings
from mnist_edge.device.doctor.readings import drift_warning
from mnist_edge.errors import MnistEdgeError, PictureError
from mnist_edge.inference.batch import outcome_document
from mnist_edge.runtimes.selection import describe_runtime

if TYPE_CHECKING:
    from mnist_edge.deployment.server.camera_routes import CameraRoutes
    from mnist_edge.deployment.server.history_routes import HistoryRoutes

_LOOK_SECONDS = 1.0
"""Time between two looks for another model."""
_PICTURE = "the picture"
"""Name, in messages, of a picture that is the whole body."""


class _Budget:
    """What all requests together may hold."""

    def __init__(self, total: int) -> None:
        self._left = total

    def take(self, count: int) -> bool:
        """Take a share, if that much is left."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """Return a share."""
        self._left += count


class _Absent:
    """The routes of something that the server was not started with.

    Args:
        paths: of its routes.
        kind: name of the error.
        message: what the server was to be started with.
    """

    def __init__(self, paths: Sequence[str], *, kind: str, message: str) -> None:
        self._paths, self._kind, self._message = paths, kind, message

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(path, self._refuse, methods=["GET", "POST", "PUT"]) for path in self._paths]

    async def _refuse(self, request: Request) -> Response:
        raise RequestRefused(503, self._kind, self._message)


_NO_HISTORY = _Absent(
    ("/v1/readings", "/v1/readings.png"),
    kind="NoHistory",
    message="this server shows no history; start it with --history FILE",
)
_NO_CAMERA = _Absent(
    ("/camera", "/v1/camera/picture", "/v1/camera/regions"),
    kind="NoCamera",
    message="this server shows no camera; start it with --config FILE",
)


class DigitServer:
    """The routes of one server, with what they share.

    Args:
        service: the model.
        settings: limits, token and hosts.
        metrics: where everything is counted.
    """

    def __init__(
        self, service: ModelService, settings: ServerSettings, metrics: ServerMetrics
    ) -> None:
        self._service, self._settings, self._metrics = service, settings, metrics
        self._limits = settings.limits
        self._buffered = _Budget(self._limits.max_buffered)
        page, self._policy = load_page()
        self._history = _open_history(settings.history)
        self._camera = _open_camera(settings.camera, service)
        classes = {"keeps": service.unsure, "history": settings.history}
        shown = " ".join(name for name, is_shown in classes.items() if is_shown)
        self._page = page.replace("<body>", f'<body class="{shown}">') if shown else page
        self._openapi = _load_openapi()
        metrics.name_model(service.model)

    def application(self) -> ASGIApp:
        """Return the ASGI application."""
        routes = [
            Route("/", self.page),
            Route("/v1/predict", self.predict, methods=["POST"]),
            Route("/v1/model", self.model),
            *(self._history or _NO_HISTORY).routes(),
            *(self._camera or _NO_CAMERA).routes(),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]
        handlers: dict[Any, Callable[..., Any]] = {
            RequestRefused: refusal_response,
            ClientDisconnect: disconnected_response,
            HTTPException: http_error_response,
            MnistEdgeError: model_error_response,
            Exception: unexpected_error_response,
        }
        app: ASGIApp = Starlette(
            routes=routes, exception_handlers=handlers, lifespan=self._lifespan
        )
        app = Guard(app, self._settings, self._metrics)
        if self._settings.allowed_origins:
            app = CORSMiddleware(
                app,
                allow_origins=self._settings.allowed_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
            )
        return app

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._queue = ReadingQueue(
            self._service,
            max_pixels=self._limits.max_pixels,
            threads=self._settings.threads,
            changed=self._metrics.pending.set,
        )
        if self._camera:
            self._camera.open()
        looking = asyncio.create_task(self._follow_model())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            self._queue.close()
            if self._camera:
                await asyncio.to_thread(self._camera.close)

    async def _follow_model(self) -> None:
        """Take up a model as soon as it is installed."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(self._service.has_changed):
                await asyncio.to_thread(self.reload)

    def reload(self) -> None:
        """Take up the model that is in use now, or keep the one that is loaded."""
        taken = self._service.reload()
        self._metrics.exchanges.labels("taken" if taken else "refused").inc()
        self._metrics.name_model(self._service.model)

    # The routes.

    async def page(self, request: Request) -> Response:
        """Answer the page to draw on."""
        return HTMLResponse(self._page, headers={"content-security-policy": self._policy})

    async def health(self, request: Request) -> Response:
        """Answer that the server is alive."""
        return JSONResponse({"alive": True})

    async def readiness(self, request: Request) -> Response:
        """Answer whether pictures can be read: only a model that answered its golden vectors is."""
        return JSONResponse({"ready": True, "model": self._service.model.name})

    async def openapi(self, request: Request) -> Response:
        """Answer the description of this API."""
        return JSONResponse(self._openapi)

    async def metrics(self, request: Request) -> Response:
        """Answer what was counted."""
        readings = await asyncio.to_thread(self._history.metrics) if self._history else b""
        return Response(self._metrics.render() + readings, media_type=CONTENT_TYPE)

    async def model(self, request: Request) -> Response:
        """Answer which model reads."""
        service, stored = self._service, self._service.model
        manifest = stored.manifest
        document: dict[str, Any] = {
            "name": stored.name,
            "sha256": stored.sha256,
            "size": len(stored.content),
            "min_confidence": service.classifier.min_confidence,
            "temperature": stored.temperature,
            "runtime": describe_runtime(),
            "version": __version__,
        }
        if manifest:
            document |= {"scheme": manifest.scheme, "recipe": manifest.recipe}
        # Days are those of this machine.
        drift = await asyncio.to_thread(drift_warning, "serve", date.today())  # noqa: DTZ011
        for warning in (service.classifier.warning, service.problem, drift):
            if warning:
                document.setdefault("warnings", []).append(warning)
        return JSONResponse(document)

    async def predict(self, request: Request) -> Response:
        """Read the pictures of a request."""
        query = parse_query(request)
        wants_png = query.explain and request.headers.get("accept") == "image/png"
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_form = kind == "multipart/form-data"
        if not (is_form or kind.startswith("image/") or kind == "application/octet-stream"):
            raise RequestRefused(
                415,
                "UnsupportedMediaType",
                f"content type {kind or '(none)'!r}: expected a picture (image/png, image/jpeg, "
                "application/octet-stream, ...), or multipart/form-data with pictures",
            )
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestRefused(
                415, "UnsupportedMediaType", "the body is compressed; send the picture as it is"
            )
        if is_form and wants_png:
            raise RequestRefused(
                400, "InvalidParameter", "a drawing as image/png is of one picture, not of a form"
            )
        with self._collecting() as held:
            body = await self._receive(request, held)
            if is_form:
                pictures = await parse_form(request.headers, body, self._limits)
            else:
                pictures = [(_PICTURE, body)]
            started = time.perf_counter()
            readings = await self._read(pictures, query)
        elapsed = time.perf_counter() - started
        self._metrics.reading_seconds.observe(elapsed)
        for reading in readings:
            self._metrics.count_outcome(reading.outcome)
        headers = {"server-timing": f"read;dur={1000 * elapsed:.1f}"}
        if is_form:
            documents = [
                {"path": name, **_reading_document(reading, query)}
                for (name, _), reading in zip(pictures, readings, strict=True)
            ]
            return JSONResponse(documents, headers=headers)
        (reading,) = readings
        if wants_png and reading.explanation:
            return Response(reading.explanation, media_type="image/png", headers=headers)
        status = 422 if isinstance(reading.outcome, PictureError) else 200
        return JSONResponse(_reading_document(reading, query), status, headers)

    @contextmanager
    def _collecting(self) -> Iterator[list[int]]:
        """Hold shares of the memory for bodies, until the request ends."""
        held: list[int] = []
        try:
            yield held
        finally:
            self._buffered.give_back(sum(held))

    async def _receive(self, request: Request, held: list[int]) -> bytes:
        """Receive a body within its limits.

        Raises:
            RequestRefused: it is larger, or too much is being received.
        """
        limit = self._limits.max_bytes
        too_large = RequestRefused(
            413, "BodyTooLarge", f"the body is larger than {limit:,} bytes; scale the picture down"
        )
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            if len(body) + len(chunk) > limit:
                raise too_large
            if not self._buffered.take(len(chunk)):
                raise busy("the server is receiving too much; try again later")
            held.append(len(chunk))
            body += chunk
        return bytes(body)

    async def _read(self, pictures: list[NamedPicture], query: ReadingQuery) -> list[Reading]:
        """Read pictures in the threads.

        Raises:
            RequestRefused: a picture has too many pixels, or too many requests wait.
        """
        if self._queue.pending >= self._limits.max_pending:
            raise busy(f"{self._queue.pending} requests are being read; try again later")
        return await self._queue.read(pictures, query)


def _open_history(path: Path | None) -> HistoryRoutes | None:
    if path is None:
        return None
    from mnist_edge.deployment.server.history_routes import HistoryRoutes

    return HistoryRoutes(path)


def _open_camera(config: Path | None, service: ModelService) -> CameraRoutes | None:
    # Most servers show none, and what reads cameras takes four million bytes.
    if config is None:
        return None
    from mnist_edge.deployment.server.camera_routes import CameraRoutes

    return CameraRoutes(config, service)


def _reading_document(reading: Reading, query: ReadingQuery) -> dict[str, Any]:
    document = outcome_document(reading.outcome, top=query.top)
    if query.pixels and reading.pixels is not None:
        document["pixels"] = base64.b64encode(reading.pixels.tobytes()).decode("ascii")
    if reading.explanation is not None:
        document["explanation"] = base64.b64encode(reading.explanation).decode("ascii")
    return document


def _load_openapi() -> dict[str, Any]:
    """Return the description of the API, with this version."""
    text = (resources.files(__package__) / "openapi.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = __version__
    return document
