"""Who may use the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.digit_server import RunningServer, running_server
from tests.support.paths import ROOT

SAMPLE = (ROOT / "mnist_edge/samples/digit.png").read_bytes()
PNG = {"Content-Type": "image/png"}
TOKEN = "0123456789abcdef-secret"  # noqa: S105  # of these tests
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(f"{TOKEN}\n")
    options = ("--token-file", str(token), "--allow-origin", ORIGIN, "--allowed-host", "reader.lan")
    with running_server("--model", "nano", *options) as one:
        yield one


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


def read(client: httpx.Client, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/predict", content=SAMPLE, headers={**PNG, **named})


def test_the_link_carries_the_token_where_no_server_sees_it(server: RunningServer) -> None:
    assert server.link == f"http://127.0.0.1:{server.port}/#token={TOKEN}"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_the_api(client: httpx.Client, scheme: str) -> None:
    assert read(client, Authorization=f"{scheme} {TOKEN}").json()["digit"] == 7


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff\xfe"]
)
def test_any_other_token_does_not(client: httpx.Client, given: str) -> None:
    response = client.post(
        "/v1/predict",
        content=SAMPLE,
        headers=[(b"content-type", b"image/png"), (b"authorization", given.encode("latin-1"))],
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in response.text


def test_routes_that_reveal_nothing_of_pictures_need_no_token(client: httpx.Client) -> None:
    for path in ("/", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200
    for path in ("/metrics", "/v1/model"):
        assert client.get(path).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1:1",
        "[::1]:80",
        "192.0.2.7",
        "reader.lan:8080",
        "READER.LAN.",
        "localhost:",
    ],
)
def test_the_server_answers_to_its_names_and_to_ip_addresses(
    client: httpx.Client, host: str
) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "", "[", "."),
        *("localhost..", "::1", "[::1", "[::1%25eth0]", "127.1", "2130706433", "user@localhost"),
        *("localhost, evil.example", "localhost/", "localhost:80:80", "x" * 5_000),
    ],
    ids=lambda host: host[:24],
)
def test_another_name_that_points_here_is_refused(client: httpx.Client, host: str) -> None:
    response = client.get("/healthz", headers={"Host": host})
    assert response.status_code == 400
    assert "error" in response.json()


def test_pages_of_other_sites_may_not_ask(client: httpx.Client) -> None:
    own = f"http://{client.base_url.host}:{client.base_url.port}"
    authorization = f"Bearer {TOKEN}"
    assert read(client, Authorization=authorization, Origin=own).status_code == 200
    others = (f"{own}0", own.replace("http:", "https:"), "null", "", "http://[::1")
    for origin in ("http://evil.example", *others):
        response = read(client, Authorization=authorization, Origin=origin)
        assert (response.status_code, response.json()["error"]["type"]) == (403, "CrossOrigin")
        assert "access-control-allow-origin" not in response.headers
    response = read(client, Authorization=authorization, Sec_Fetch_Site="cross-site")
    assert response.status_code == 403
    # A proxy that ends TLS: a browser says that the page is this server's.
    proxied = {"Origin": "https://127.0.0.1", "Sec_Fetch_Site": "same-origin"}
    assert read(client, Authorization=authorization, **proxied).status_code == 200


def test_links_on_other_sites_may_lead_to_the_page(client: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200


def test_an_origin_that_was_allowed_may_ask_and_read_refusals(client: httpx.Client) -> None:
    preflight = client.options(
        "/v1/predict",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert read(client, Authorization=f"Bearer {TOKEN}", Origin=ORIGIN).json()["digit"] == 7
    refused = read(client, Origin=ORIGIN)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == ORIGIN


def test_browsers_are_told_to_run_and_frame_nothing_else(client: httpx.Client) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for response in (page, client.get("/nothing"), client.get("/metrics")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


def test_no_path_is_taken_from_a_client(client: httpx.Client) -> None:
    for path in ("/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page.html"):
        assert client.get(path).status_code in {401, 404}
    files = [("a", ("../../etc/passwd", SAMPLE))]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    (answer,) = client.post("/v1/predict", files=files, headers=headers).json()
    assert answer["digit"] == 7


def test_refusals_are_counted(server: RunningServer, client: httpx.Client, tmp_path: Path) -> None:
    before = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    read(client)
    after = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    name = 'mnist_edge_refusals_total{reason="Unauthorized"} '

    def count(text: str) -> float:
        return float(text.partition(name)[2].partition("\n")[0] or 0)

    assert count(after) == count(before) + 1
