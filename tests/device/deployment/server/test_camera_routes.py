from __future__ import annotations

import io
import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.settings import load_monitor_settings
from tests.support.browsers import in_a_browser, open_browser, patience, wait_for
from tests.support.digit_server import RunningServer, running_server
from tests.support.pages import axe_script
from tests.support.waiting import SECONDS, eventually

CONFIG = """
[camera]
address = "demo:"
[[region]]
name = "counter"
box = [48, 96, 592, 180]
[region.rules]
digits = 8
only_grows = true
"""
BOX = [48, 96, 592, 180]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "meter.toml"
    path.write_text(CONFIG)
    return path


def picture(client: httpx.Client) -> httpx.Response:
    """Wait for the first picture."""
    ask = partial(client.get, "/v1/camera/picture")
    eventually(lambda: ask().status_code != 503)
    return ask()


def leave_within_a_body(server: RunningServer) -> None:
    """Promise regions, and go."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as leaving:
        head = "PUT /v1/camera/regions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        leaving.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert leaving.recv(100).startswith(b"HTTP/1.1 100 ")
    eventually(lambda: server.metric('mnist_edge_requests_total{route="other",status="400"}'))


@pytest.mark.slow
def test_regions_are_shown_read_and_written(config: Path) -> None:
    # What the watch of these settings keeps is shown, too.
    History(HistorySettings(path=config.with_name("readings.db"))).close()
    with running_server("--model", "nano", "--config", str(config)) as server:
        leave_within_a_body(server)
        with server.client() as client:
            shown = picture(client)
            assert shown.headers["content-type"] == "image/jpeg"
            assert Image.open(io.BytesIO(shown.content)).size == (640, 280)
            assert client.get("/v1/readings").json() == []
            page = client.get("/camera")
            assert "default-src 'none'" in page.headers["content-security-policy"]
            document = client.get("/v1/camera/regions").json()
            assert document == {
                "file": "meter.toml",
                "regions": [
                    {"name": "counter", "box": BOX, "corners": None, "ink": None, "digits": 8}
                ],
            }
            require_described(client, "RegionFile", document)
            (read,) = client.post("/v1/camera/regions", json=document["regions"]).json()
            require_described(client, "RegionText", read)
            assert read["name"] == "counter"
            assert read["text"].startswith("012345")

            last = {"name": "last", "box": [524, 96, 592, 180], "ink": "light", "digits": 1}
            written = client.put("/v1/camera/regions", json=[*document["regions"], last])
            assert [one["name"] for one in written.json()["regions"]] == ["counter", "last"]
            settings = load_monitor_settings(config)
            # What the page does not show stays.
            assert settings.regions[0].rules.only_grows
            assert settings.regions[1].rules.digits == 1
            assert settings.regions[1].ink == "light"
            assert (config.parent / "meter.toml.old").read_text() == CONFIG

            before = config.read_bytes()
            for regions, words in REFUSED:
                refused = client.put("/v1/camera/regions", json=regions)
                assert refused.status_code == 422, regions
                assert words in refused.json()["error"]["message"]
            assert client.put("/v1/camera/regions", content=b"[" * 200_000).status_code == 413
            assert config.read_bytes() == before
        assert server.end() == 0


def require_described(client: httpx.Client, name: str, document: object) -> None:
    """Compare an answer with the API's description."""
    schema = {"$ref": f"#/components/schemas/{name}", **client.get("/openapi.json").json()}
    jsonschema.Draft202012Validator(schema).validate(document)


REFUSED: list[tuple[Any, str]] = [
    ([{"name": "a", "box": [0, 0, 700, 50]}], "outside the picture, which has 640x280"),
    ([{"name": "a b", "box": BOX}], "letters, digits"),
    ([{"name": "a", "box": BOX}, {"name": "a", "box": BOX}], "two are called 'a'"),
    ([{"name": "a", "box": "x"}], "expected list of 4"),
    ([{"name": "a", "box": BOX, "digits": "x"}], "digits: 'x': expected whole number"),
    ([{"name": "a", "box": BOX, "ink": "ligth"}], "did you mean 'light'?"),
    ([{"nmae": "a"}], "did you mean 'name'?"),
    ({}, "expected a list of regions"),
    ([{"name": str(n)} for n in range(33)], "more than 32"),
]


@in_a_browser
def test_a_box_is_dragged_read_and_written(config: Path) -> None:
    program = running_server("--model", "nano", "--config", str(config))
    with program as server, open_browser() as browser:
        browser.set_window_size(900, 900)
        browser.get(f"{server.url}/camera")
        wait = patience(browser)
        wait.until(lambda page: "012345" in page.find_element(By.ID, "regions").text)
        for scheme in ("light", "dark"):
            require_fit_for_a_phone(browser, scheme)
        # The counter's own region would be moved.
        browser.find_element(By.CSS_SELECTOR, "fieldset button").click()
        drag(browser, (48, 96), (320, 180))
        wait.until(lambda page: "region-1" in page.find_element(By.ID, "regions").text)
        wait.until(lambda page: "0123" in outputs(page)[-1])
        drag(browser, (320, 180), (252, 180))
        wait.until(lambda page: outputs(page)[-1] == "012")
        browser.find_elements(By.CSS_SELECTOR, "fieldset button")[1].click()
        drag(browser, (48, 96), (52, 100))
        wait.until(lambda page: outputs(page)[-1] == "012")
        Select(browser.find_element(By.TAG_NAME, "select")).select_by_visible_text("light on dark")
        browser.find_element(By.ID, "save").click()
        wait_for(browser, "status", "Wrote meter.toml")
        assert [e for e in browser.get_log("browser") if "503" not in e["message"]] == []  # type: ignore[no-untyped-call]
    (region,) = load_monitor_settings(config).regions
    assert region.name == "region-1"
    assert region.box is None
    assert region.ink == "light"
    expected = np.array([(52, 100), (252, 96), (252, 180), (48, 180)])
    assert np.abs(np.array(region.corners) - expected).max() <= 4


def require_fit_for_a_phone(page: webdriver.Chrome, scheme: str) -> None:
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    widths = page.execute_script(
        "const box = document.documentElement; return [box.scrollWidth, box.clientWidth]"
    )
    assert widths == [360, 360]
    page.execute_script(axe_script())
    result = page.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert json.dumps(result["violations"], indent=1) == "[]"
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def outputs(page: webdriver.Chrome) -> list[str]:
    return [one.text for one in page.find_elements(By.TAG_NAME, "output")]


def drag(page: webdriver.Chrome, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Drag from one point of the picture to another."""
    # The offsets are from the middle of what is in view.
    page.execute_script("scrollTo(0, 0)")
    stage = page.find_element(By.ID, "stage")
    width, height = stage.size["width"], stage.size["height"]
    scale = width / 640

    def offset(point: tuple[int, int]) -> tuple[int, int]:
        return round(point[0] * scale - width / 2), round(point[1] * scale - height / 2)

    moves = ActionChains(page)
    moves.move_to_element_with_offset(stage, *offset(start)).click_and_hold()
    moves.move_to_element_with_offset(stage, *offset(end)).release().perform()
