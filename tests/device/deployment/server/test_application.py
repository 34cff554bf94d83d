"""The API, as a client meets it."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier, __version__
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from mnist_edge.system.paths import shipped_models_folder
from tests.support.digit_server import RunningServer, running_server
from tests.support.paths import ROOT
from tests.support.readings import counter_reading

SAMPLE = (ROOT / "mnist_edge/samples/digit.png").read_bytes()
SEVERAL = (ROOT / "mnist_edge/samples/digits.png").read_bytes()
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--model", "nano", "--max-pictures", "5", "--max-bytes", "300000") as one:
        yield one


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


def encode(pixels: np.ndarray[Any, Any], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def test_a_picture_is_answered_as_the_command_line_answers_it(client: httpx.Client) -> None:
    response = client.post("/v1/predict?top=2", content=SAMPLE, headers=PNG)
    assert response.status_code == 200
    expected = Classifier("nano").predict(SAMPLE).to_dict(top=2)
    assert response.json() == expected
    assert response.headers["server-timing"].startswith("read;dur=")


def test_what_is_kept_and_what_a_watch_has_read_is_on_the_page_if_asked(
    client: httpx.Client, tmp_path: Path
) -> None:
    assert "<body>" in client.get("/").text
    history = History(HistorySettings(path=tmp_path / "readings.db"))
    history.record([counter_reading(7)], {"water": RegionState()})
    history.close()
    options = ("--keep-unsure", str(tmp_path), "--history", str(tmp_path / "readings.db"))
    with running_server("--model", "nano", *options) as keeping, keeping.client() as other:
        assert '<body class="keeps history">' in other.get("/").text
        assert len(other.get("/v1/readings").json()) == 1
        assert keeping.metric('mnist_edge_region_value{region="water",unit="m³"}') == 0.07
        for content in (SAMPLE, SEVERAL, SEVERAL, b"no picture"):
            other.post("/v1/predict", content=content, headers=PNG)
    (kept,) = tmp_path.glob("*.png")
    assert kept.read_bytes() == SEVERAL
    assert json.loads(kept.with_suffix(".json").read_text())["reasons"] == ["not-one-digit"]


def test_readings_are_counted_by_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with running_server("--model", "nano") as counting:
        with counting.client() as other:
            for content in (SAMPLE, SEVERAL, b"no picture"):
                other.post("/v1/predict", content=content, headers=PNG)
            # A few days are too few for a warning.
            assert "warnings" not in other.get("/v1/model").json()
        assert counting.end() == 0
    with closing(sqlite3.connect(tmp_path / "mnist-edge/readings-by-day.db")) as database:
        rows = database.execute("SELECT source, answer, count FROM readings").fetchall()
    assert sorted(rows) == [("serve", "7", 1), ("serve", "not-one-digit", 1)]


def test_every_digit_of_a_picture_is_read_on_request(client: httpx.Client) -> None:
    response = client.post("/v1/predict?all=true", content=SEVERAL, headers=PNG)
    assert response.json() == Classifier("nano").predict_all(SEVERAL).to_dict()


def test_a_form_of_pictures_is_answered_in_its_order_with_errors_in_their_places(
    client: httpx.Client,
) -> None:
    files = [("a", ("one.png", SAMPLE)), ("b", ("two.txt", b"no picture")), ("a", ("3", SAMPLE))]
    response = client.post("/v1/predict", files=files)
    assert response.status_code == 200
    answers = response.json()
    assert [one["path"] for one in answers] == ["one.png", "two.txt", "3"]
    assert [one.get("digit") for one in answers] == [7, None, 7]
    assert answers[1]["error"]["type"] == "UnreadablePicture"


def test_the_pixels_that_the_model_saw_come_on_request(client: httpx.Client) -> None:
    digit = load_builtin_digits().images[3]
    answer = client.post("/v1/predict?pixels=1", content=encode(digit), headers=PNG).json()
    seen = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8).reshape(28, 28)
    assert (seen == digit).all()


@pytest.mark.parametrize("query", ["explain=true", "explain=true&all=true"])
def test_a_drawing_explains_the_answer(client: httpx.Client, query: str) -> None:
    answer = client.post(f"/v1/predict?{query}", content=SAMPLE, headers=PNG).json()
    inside = base64.b64decode(answer["explanation"])
    whole = client.post(
        f"/v1/predict?{query}", content=SAMPLE, headers={**PNG, "Accept": "image/png"}
    )
    assert whole.headers["content-type"] == "image/png"
    assert whole.content == inside
    with Image.open(io.BytesIO(inside)) as drawing:
        assert drawing.format == "PNG"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_every_format_is_read_whatever_its_media_type(client: httpx.Client, kind: str) -> None:
    with Image.open(io.BytesIO(SAMPLE)) as picture:
        content = encode(np.asarray(picture.convert("RGB")), kind)
    headers = {"Content-Type": "application/octet-stream"}
    assert client.post("/v1/predict", content=content, headers=headers).json()["digit"] == 7


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "kind"),
    [
        ("/v1/predict", b"no picture", PNG, 422, "UnreadablePicture"),
        ("/v1/predict", b"", PNG, 422, "UnreadablePicture"),
        ("/v1/predict", SAMPLE, {"Content-Type": "text/plain"}, 415, "UnsupportedMediaType"),
        ("/v1/predict", SAMPLE, {}, 415, "UnsupportedMediaType"),
        ("/v1/predict", SAMPLE, {**PNG, "Content-Encoding": "gzip"}, 415, "UnsupportedMediaType"),
        ("/v1/predict?top=11", SAMPLE, PNG, 400, "InvalidParameter"),
        ("/v1/predict?all=maybe", SAMPLE, PNG, 400, "InvalidParameter"),
        ("/v1/predict?everything=1", SAMPLE, PNG, 400, "InvalidParameter"),
        ("/v1/predict?top=1&top=2", SAMPLE, PNG, 400, "InvalidParameter"),
        ("/v1/predict", bytes(300_001), PNG, 413, "BodyTooLarge"),
        ("/v1/predict", b"x", {"Content-Type": "multipart/form-data"}, 400, "InvalidForm"),
        ("/v1/predict", b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 400, "Invalid"),
        ("/v1/predict", encode(np.zeros((5000, 5001), np.uint8)), PNG, 413, "PictureTooLarge"),
        ("/v2/predict", SAMPLE, PNG, 404, "NotFound"),
        ("/v1/model", SAMPLE, PNG, 405, "MethodNotAllowed"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_cannot_be_answered_is_refused_by_status_type_and_message(
    client: httpx.Client,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    kind: str,
) -> None:
    response = client.post(path, content=content, headers=headers)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"].startswith(kind)
    assert error["message"]
    assert "\n" not in error["message"]
    # The server goes on.
    assert client.post("/v1/predict", content=SAMPLE, headers=PNG).json()["digit"] == 7


def test_a_form_without_or_with_too_many_pictures_is_refused(client: httpx.Client) -> None:
    none = client.post("/v1/predict", files={"a": (None, b"text")})
    assert (none.status_code, none.json()["error"]["type"]) == (422, "NoPicture")
    many = client.post("/v1/predict", files=[("a", ("x.png", SAMPLE))] * 6)
    assert (many.status_code, many.json()["error"]["type"]) == (413, "TooManyPictures")


def test_a_body_of_unknown_length_is_refused_where_it_becomes_too_long(
    client: httpx.Client,
) -> None:
    chunks = (bytes(50_000) for _ in range(8))
    response = client.post("/v1/predict", content=chunks, headers=PNG)
    assert response.status_code == 413


def test_the_model_and_the_state_are_reported(client: httpx.Client) -> None:
    model = client.get("/v1/model").json()
    manifest = json.loads((shipped_models_folder() / "nano/int8.json").read_text())
    assert (model["name"], model["sha256"]) == ("nano/int8", manifest["sha256"])
    assert model["version"] == __version__
    assert client.get("/healthz").json() == {"alive": True}
    assert client.get("/readyz").json() == {"ready": True, "model": "nano/int8"}


def test_answers_abstentions_and_errors_are_counted(server: RunningServer) -> None:
    def counts() -> list[float]:
        return [
            server.metric(line)
            for line in (
                'mnist_edge_answers_total{digit="7"}',
                'mnist_edge_abstentions_total{reason="blank"}',
                "mnist_edge_unreadable_pictures_total",
                'mnist_edge_requests_total{route="/v1/predict",status="422"}',
            )
        ]

    before = counts()
    blank = encode(np.full((60, 60), 255, np.uint8))
    with server.client() as client:
        for content in (SAMPLE, blank, b"no picture"):
            client.post("/v1/predict", content=content, headers=PNG)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1, 1]
    assert server.metric("process_resident_memory_bytes") > 10e6


def test_the_description_of_the_api_is_what_is_answered(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["version"] == __version__
    blank = encode(np.full((60, 60), 255, np.uint8))
    requests: dict[str, Callable[[], httpx.Response]] = {
        "single": lambda: client.post("/v1/predict?top=3", content=SAMPLE, headers=PNG),
        "blank": lambda: client.post("/v1/predict?pixels=true", content=blank, headers=PNG),
        "page": lambda: client.post("/v1/predict?all=1", content=SEVERAL, headers=PNG),
        "form": lambda: client.post(
            "/v1/predict", files=[("a", ("1", SAMPLE)), ("a", ("2", b"no"))]
        ),
        "error": lambda: client.post("/v1/predict", content=b"no", headers=PNG),
        "model": lambda: client.get("/v1/model"),
        "health": lambda: client.get("/healthz"),
        "ready": lambda: client.get("/readyz"),
        "itself": lambda: client.get("/openapi.json"),
    }
    for name, ask in requests.items():
        response = ask()
        path = response.request.url.path
        operation = document["paths"][path][response.request.method.lower()]
        described = operation["responses"][str(response.status_code)]
        if "$ref" in described:
            described = document["components"]["responses"][described["$ref"].split("/")[-1]]
        schema = described["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(response.json()), name


def test_the_description_names_every_route_and_no_other(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            assert client.request(method.upper(), path).status_code not in {404, 405}


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("/camera", "--config"),
        ("/v1/camera/picture", "--config"),
        ("/v1/camera/regions", "--config"),
        ("/v1/readings", "--history"),
        ("/v1/readings.png", "--history"),
    ],
)
def test_a_server_without_a_camera_or_a_history_says_how_to_start_it(
    client: httpx.Client, path: str, option: str
) -> None:
    response = client.get(path)
    assert response.status_code == 503
    assert f"start it with {option} FILE" in response.json()["error"]["message"]


@pytest.mark.slow
def test_eight_clients_at_once_get_the_answers_of_one(server: RunningServer) -> None:
    digits = load_builtin_digits().images[::4]
    contents = [encode(np.kron(255 - one, np.ones((8, 8), np.uint8))) for one in digits]
    classifier = Classifier("nano")
    expected = [classifier.predict(content).to_dict() for content in contents]

    def ask(start: int) -> list[tuple[int, Any]]:
        with server.client() as client:
            order = [(start + step) % len(contents) for step in range(len(contents))]
            return [
                (at, client.post("/v1/predict", content=contents[at], headers=PNG).json())
                for at in order
            ]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(0, 24, 3)):
            assert [answer for at, answer in answers if answer != expected[at]] == []


@pytest.mark.slow
def test_too_many_requests_at_once_are_told_to_come_back() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (800, 800), np.uint8)
    content = encode(noise, "JPEG")
    refused = threading.Event()
    with (
        running_server("--model", "nano", "--max-pending", "1", "--threads", "1") as server,
        ThreadPoolExecutor(2) as pool,
    ):

        def ask(_: int) -> list[httpx.Response]:
            responses = []
            with server.client() as client:
                while not refused.is_set():
                    responses.append(client.post("/v1/predict?all=1", content=content, headers=PNG))
                    if responses[-1].status_code == 429:
                        refused.set()
            return responses

        responses = [response for answers in pool.map(ask, range(2)) for response in answers]
        assert {response.status_code for response in responses} == {200, 429}
        told = next(response for response in responses if response.status_code == 429)
        assert told.headers["retry-after"] == "1"
        assert server.metric("mnist_edge_pending_requests") == 0
