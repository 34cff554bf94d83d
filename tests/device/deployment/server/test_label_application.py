"""The API behind the page to label on: who may use it, and what it takes."""

from __future__ import annotations

import asyncio
import io
import shutil
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.deployment.server.label_application import LabelServer
from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.settings import ServerSettings, random_token
from mnist_edge.inference.labeling import LabelingSession
from tests.support.paths import SAMPLE

ADDRESS = "http://127.0.0.1:8080"
TOKEN = random_token()
HOSTILE = "<img src=x onerror=alert(1)>.png"


class Client:
    """A client of the application, without a socket between them."""

    def __init__(self, server: LabelServer) -> None:
        self._app: Any = server.application()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make one request, with the token unless the headers have another."""

        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
                return await client.request(method, path, **options)

        options["headers"] = {"Authorization": f"Bearer {TOKEN}", **options.get("headers", {})}
        return asyncio.run(answer())

    get = partialmethod(request, "GET")
    put = partialmethod(request, "PUT")


@pytest.fixture
def client(tmp_path: Path) -> Client:
    for name in ("a.png", HOSTILE):
        shutil.copy(SAMPLE, tmp_path / name)
    Image.new("L", (3000, 60), 255).save(tmp_path / "b.tif")
    session = LabelingSession(tmp_path, partial(Classifier, "nano"))
    return Client(LabelServer(session, ServerSettings(token=TOKEN), ServerMetrics()))


def put(client: Client, number: int, *labels: dict[str, Any]) -> Any:
    return client.put(f"/v1/pictures/{number}/labels", json={"labels": labels})


def test_a_picture_is_asked_for_labeled_and_counted(client: Client, tmp_path: Path) -> None:
    about = client.get("/v1/folder").json()
    assert about == {"folder": tmp_path.name, "first": 0, "total": 3, "labeled": 0}
    one = client.get("/v1/pictures/0").json()
    assert (one["path"], one["next"], one["labels"]) == (HOSTILE, 1, [])
    (guess,) = one["guesses"]
    assert guess["digit"] == guess["likeliest"] == 7
    answer = put(client, 0, {"label": "7"}).json()
    assert answer == {"before": [], "next": 1, "total": 3, "labeled": 1}
    assert client.get("/v1/pictures/0").json()["labels"] == [{"label": "7", "box": None}]
    assert put(client, 0).json()["before"] == [{"label": "7", "box": None}]


def test_any_format_comes_as_a_png_with_its_scale(client: Client) -> None:
    response = client.get("/v1/pictures/2/image")
    assert response.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.width * float(response.headers["picture-scale"]) == pytest.approx(3000)
        assert picture.width <= 1200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong-token-wrong-token"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_requests_from_other_sites_write_nothing(
    client: Client, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    body = b'{"labels": [{"label": "7"}]}'
    headers = {"Content-Type": "application/json", **headers}
    response = client.put("/v1/pictures/0/labels", content=body, headers=headers)
    assert response.status_code == status
    assert not (tmp_path / "labels.csv").exists()


def test_everything_but_the_page_needs_the_token(client: Client) -> None:
    for path in ("/v1/folder", "/v1/pictures/0", "/v1/pictures/0/image"):
        assert client.get(path, headers={"Authorization": ""}).status_code == 401
    page = client.get("/", headers={"Authorization": ""})
    assert "Label pictures" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "3",
        "-1",
        "1e3",
        "..%2f..%2fetc%2fpasswd",
        "0/../../x",
        "99999999999999999999",
        "1" * 5000,
        "%D9%A3",
        "%00",
        "0?several=2",
    ],
)
def test_there_is_no_other_file(client: Client, path: str) -> None:
    assert client.get(f"/v1/pictures/{path}").status_code in {400, 404}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 5000,
        b'{"labels": 7}',
        b'{"labels": [{"label": "12"}]}',
        b'{"labels": [{"box": null}]}',
        b'{"labels": [{"label": "7", "box": [0, 0, 1]}]}',
        b'{"labels": [{"label": "7", "box": [0, 0, 1, "9"]}]}',
        b'{"labels": [{"label": "7", "box": [0, 0, true, 9]}]}',
        b'{"labels": [{"label": "7", "box": [5, 0, 1, 9]}]}',
        b'{"labels": [{"label": "7", "box": [0, 0, 1, NaN]}]}',
        b'{"labels": [{"label": "7"}, {"label": "7"}]}',
        b'{"labels": [{"label": "=cmd()"}]}',
    ],
)
def test_an_unknown_label_is_refused(client: Client, body: bytes, tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.put("/v1/pictures/0/labels", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["type"] in {"InvalidLabels", "InvalidValue"}
    assert not (tmp_path / "labels.csv").exists()
    large = client.put("/v1/pictures/0/labels", content=b" " * 200_000, headers=headers)
    assert large.status_code == 413


def test_a_lost_or_damaged_folder_is_reported(client: Client, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("nonsense\n")
    assert "no column path" in put(client, 0, {"label": "7"}).json()["error"]["message"]
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "a.png").unlink()
    assert "check the path" in client.get("/v1/pictures/1").json()["problem"]
    assert client.get("/v1/pictures/1/image").status_code == 404
