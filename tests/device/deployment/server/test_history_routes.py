from __future__ import annotations

import asyncio
import io
import json
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from PIL import Image
from starlette.applications import Starlette

from mnist_edge.deployment.server.history_routes import HistoryRoutes
from mnist_edge.deployment.server.refusals import (
    RequestRefused,
    model_error_response,
    refusal_response,
)
from mnist_edge.errors import MnistEdgeError
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from tests.support.readings import counter_reading


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    opened = History(HistorySettings(path=path))
    state = RegionState()
    for number in range(5):
        refused = counter_reading(number, region="gas", error="max_step: 9 differs by 7 from 2")
        opened.record([counter_reading(number), refused], dict.fromkeys(("water", "gas"), state))
    opened.close()
    return path


def get(history: Path, target: str) -> httpx.Response:
    """Ask an application that has these routes alone."""
    handlers: dict[Any, Any] = {
        RequestRefused: refusal_response,
        MnistEdgeError: model_error_response,
    }
    app = Starlette(routes=HistoryRoutes(history).routes(), exception_handlers=handlers)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(target)

    return asyncio.run(ask())


def test_the_newest_readings_are_answered_as_described(history: Path) -> None:
    documents = get(history, "/v1/readings").json()
    assert len(documents) == 10
    text = (resources.files("mnist_edge.deployment.server") / "openapi.json").read_text("utf-8")
    schema = {"$ref": "#/components/schemas/ValueReading", **json.loads(text)}
    for one in documents:
        jsonschema.Draft202012Validator(schema).validate(one)
    water = get(history, "/v1/readings?region=water&limit=2").json()
    assert [one["value"] for one in water] == ["0.03", "0.04"]
    since = get(history, "/v1/readings?since=2026-11-27T00:04%2B00:00").json()
    assert {one["reading_id"] for one in since} == {"id-4"}


def test_the_drawing_is_a_png(history: Path) -> None:
    response = get(history, "/v1/readings.png?region=water")
    assert response.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).size == (960, 240)


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "limit=0", "limit=10001", "limit=a", "regions=a", "limit=1&limit=2"],
)
def test_a_wrong_parameter_is_named(history: Path, query: str) -> None:
    response = get(history, f"/v1/readings?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "InvalidParameter"


def test_a_history_that_the_watch_has_not_begun_is_reported(tmp_path: Path) -> None:
    assert get(tmp_path / "later.db", "/v1/readings").status_code == 503
    assert HistoryRoutes(tmp_path / "later.db").metrics() == b""


def test_the_latest_values_are_metrics(history: Path) -> None:
    metrics = HistoryRoutes(history).metrics().decode()
    assert 'mnist_edge_region_value{region="water",unit="m³"} 0.04\n' in metrics
    assert 'mnist_edge_region_problem{region="gas",unit="m³"} 1\n' in metrics
