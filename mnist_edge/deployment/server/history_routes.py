"""Routes that show what a watch has read: its history, a drawing of it, and its latest values."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.errors import InvalidValue, MnistEdgeError
from mnist_edge.monitoring.clock import parse_since
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.publishers.prometheus import region_metrics
from mnist_edge.monitoring.readings import ValueReading, reading_document

_MAX_READINGS = 10_000
"""Readings of one answer."""
_DEFAULT_READINGS = 1000
_PARAMETERS = ("since", "region", "limit")


class HistoryRoutes:
    """The routes of one history.

    Args:
        path: the history that ``watch`` writes, which it may not have begun yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def routes(self) -> list[Route]:
        """Return the routes. They are answered in threads: the disk may be slow."""
        return [
            Route("/v1/readings", self.readings),
            Route("/v1/readings.png", self.drawing),
        ]

    def readings(self, request: Request) -> Response:
        """Answer the newest readings, the oldest of them first."""
        return JSONResponse(list(map(reading_document, self._newest(request, _DEFAULT_READINGS))))

    def drawing(self, request: Request) -> Response:
        """Answer a drawing of the newest readings."""
        # Slow to import, and only needed here.
        from mnist_edge.monitoring.value_plot import plot_values

        stream = io.BytesIO()
        plot_values(self._newest(request, _MAX_READINGS)).save(stream, "PNG")
        return Response(stream.getvalue(), media_type="image/png")

    def metrics(self) -> bytes:
        """Return the latest values in Prometheus' text format; empty if there are none."""
        try:
            with self._history() as history:
                return region_metrics(history.latest())
        except MnistEdgeError:
            # The counters of the server are answered whatever the watch does.
            return b""

    def _newest(self, request: Request, default: int) -> list[ValueReading]:
        values = dict(request.query_params.multi_items())
        if len(values) < len(request.query_params.multi_items()) or set(values) - {*_PARAMETERS}:
            raise RequestRefused(
                400,
                "InvalidParameter",
                f"expected the parameters {', '.join(_PARAMETERS)}, each once at most",
            )
        limit = values.get("limit", str(default))
        if not re.fullmatch(r"[0-9]{1,5}", limit) or not 1 <= int(limit) <= _MAX_READINGS:
            raise RequestRefused(
                400, "InvalidParameter", f"limit={limit!r}: expected 1 to {_MAX_READINGS}"
            )
        since = None
        try:
            if "since" in values:
                since = parse_since(values["since"], datetime.now(timezone.utc))
        except InvalidValue as error:
            raise RequestRefused(400, "InvalidParameter", str(error)) from error
        with self._history() as history:
            return history.newest(int(limit), since=since, region=values.get("region"))

    @contextmanager
    def _history(self) -> Iterator[History]:
        """Open the history for one answer: connections are not for several threads."""
        history = History(HistorySettings(path=self._path), read_only=True)
        try:
            yield history
        finally:
            history.close()
