"""Routes of the page that shows a camera live, and sets the regions of a watch.

All pixels are those of the reference picture, if the settings have one: a picture is brought to it
before it is shown or read.
"""

from __future__ import annotations

import asyncio
import io
import json
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mnist_edge.deployment.server.drawing_page import load_page
from mnist_edge.deployment.server.model_service import ModelService
from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.deployment.server.request_parsing import receive_body
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.monitoring.alignment import NotAligned
from mnist_edge.monitoring.camera_keeper import CameraKeeper
from mnist_edge.monitoring.cameras import open_camera
from mnist_edge.monitoring.clock import SystemClock
from mnist_edge.monitoring.picture_reader import PictureReader
from mnist_edge.monitoring.regions import cut_out, read_region, require_inside
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import RegionSettings, load_monitor_settings
from mnist_edge.monitoring.settings_file import parse_table, save_settings

_MAX_BODY = 100_000
"""Bytes of the regions of a request."""
_MAX_REGIONS = 32
_MAX_AGE = 10.0
"""Seconds that a picture may be old and is still shown as live."""
_TICK = 0.5
"""Seconds between two looks after the camera."""
_END_SECONDS = 10.0

_Pixels = NDArray[np.uint8]


class CameraRoutes:
    """The routes of one file of settings, and its camera.

    Args:
        config: the file.
        service: reads the digits.

    Raises:
        InvalidValue: the file cannot be read, or a setting is wrong.
        MissingDependency: the program that the camera needs is not installed.
        PictureError: the reference picture cannot be read.
    """

    def __init__(self, config: Path, service: ModelService) -> None:
        self._service = service
        self._writing = threading.Lock()
        self._ending = threading.Event()
        self._config = config
        settings = load_monitor_settings(config)
        clock = SystemClock()
        self._clock = clock
        self._keeper = CameraKeeper(open_camera(settings.camera, clock), settings.camera, clock)
        self._keeping = threading.Lock()
        # Its end is waited for, but not by the interpreter: a camera may hang.
        self._thread = threading.Thread(target=self._keep, name="camera", daemon=True)
        self._reader = PictureReader(settings)
        self._page, self._policy = load_page("camera.html")

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/camera", self.page),
            Route("/v1/camera/picture", self.picture),
            Route("/v1/camera/regions", self.regions, methods=["GET", "POST", "PUT"]),
        ]

    def open(self) -> None:
        """Start the camera, and look after it in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the camera."""
        self._ending.set()
        self._thread.join(_END_SECONDS)

    def _keep(self) -> None:
        # The system ends a camera's program with the thread that started it: that is this one.
        while not self._ending.is_set():
            with self._keeping:
                self._keeper.open()
            self._ending.wait(_TICK)
        with self._keeping:
            self._keeper.close()

    async def page(self, request: Request) -> Response:
        """Answer the page."""
        return HTMLResponse(self._page, headers={"content-security-policy": self._policy})

    def picture(self, request: Request) -> Response:
        """Answer the newest picture as JPEG."""
        stream = io.BytesIO()
        Image.fromarray(self._newest()).save(stream, "JPEG", quality=85)
        with self._keeping:
            self._keeper.advance()
        return Response(stream.getvalue(), media_type="image/jpeg")

    async def regions(self, request: Request) -> Response:
        """Answer the regions of the file; read those of a POST; write those of a PUT."""
        if request.method == "GET":
            return JSONResponse(await asyncio.to_thread(self._document))
        body = await receive_body(request, _MAX_BODY)
        work = self._write if request.method == "PUT" else self._read
        try:
            return JSONResponse(await asyncio.to_thread(work, body))
        except InvalidValue as error:
            raise RequestRefused(422, "InvalidRegions", str(error)) from error

    def _document(self) -> dict[str, Any]:
        settings = load_monitor_settings(self._config)
        return {
            "file": self._config.name,
            "regions": [
                {
                    "name": region.name,
                    "box": region.box,
                    "corners": region.corners,
                    "ink": region.ink,
                    "digits": region.rules.digits,
                }
                for region in settings.regions
            ],
        }

    def _read(self, body: bytes) -> list[dict[str, Any]]:
        """Return what regions read now."""
        regions, picture = self._parse(body), self._newest()
        now = datetime.now(timezone.utc)
        for region in regions:
            _require_inside(region, picture)
        crops = [cut_out(picture, region) for region in regions]
        # A large one takes as much memory as reading its regions does.
        del picture
        classifier = self._service.classifier
        readings = [
            read_region(pixels, region, classifier, time=now, reading_id="")
            for region, pixels in zip(regions, crops, strict=True)
        ]
        return [{"name": one.region, "text": one.text} for one in readings]

    def _write(self, body: bytes) -> dict[str, Any]:
        """Write regions to the file; the others of its settings stay, and the old file is kept."""
        with self._writing:
            settings = load_monitor_settings(self._config)
            regions = self._parse(body)
            picture = self._newest()
            for region in regions:
                _require_inside(region, picture)
            save_settings(self._config, replace(settings, regions=tuple(regions)))
        return self._document()

    def _parse(self, body: bytes) -> list[RegionSettings]:
        """Return the regions of a request; those that the file has keep their rules."""
        before = {one.name: one.rules for one in load_monitor_settings(self._config).regions}
        regions = []
        for one in _parse_list(body):
            digits = one.pop("digits", None)
            if digits is not None and type(digits) is not int:
                raise InvalidValue(f"digits: {digits!r}: expected whole number")
            given = {key: value for key, value in one.items() if value is not None}
            region = parse_table(given, RegionSettings, folder=self._config.parent)
            rules = before.get(region.name, RuleSettings())
            regions.append(replace(region, rules=replace(rules, digits=digits)))
        return regions

    def _newest(self) -> _Pixels:
        """Return the newest picture, brought to the reference.

        Raises:
            RequestRefused: there is none, or the marks are not found.
        """
        with self._keeping:
            frame = self._keeper.latest(_MAX_AGE)
            problem = self._keeper.problem
        if frame is None:
            message = problem or "no picture yet"
            raise RequestRefused(503, "NoPicture", f"{message}; try again", {"retry-after": "1"})
        try:
            return self._reader.aligned(self._reader.decode(frame.content))
        except (PictureError, NotAligned) as error:
            raise RequestRefused(503, "NoPicture", str(error), {"retry-after": "1"}) from error


def _require_inside(region: RegionSettings, picture: _Pixels) -> None:
    require_inside(region, picture.shape[1], picture.shape[0])


def _parse_list(body: bytes) -> list[dict[str, Any]]:
    """Parse a list of JSON objects.

    Raises:
        InvalidValue: it is something else, or too long.
    """
    try:
        documents = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("the body is no JSON; expected a list of regions") from error
    if not isinstance(documents, list) or not all(isinstance(one, dict) for one in documents):
        raise InvalidValue("expected a list of regions")
    if len(documents) > _MAX_REGIONS:
        raise InvalidValue(f"more than {_MAX_REGIONS} regions")
    return documents
