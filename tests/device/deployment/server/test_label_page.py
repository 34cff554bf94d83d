"""The page of ``mnist-edge label``, as somebody uses it in a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from mnist_edge.data.label_table import read_label_table
from tests.support.browsers import IN_A_BROWSER, open_browser, part, patience, press, wait_for
from tests.support.digit_server import running_label_page
from tests.support.pages import axe_script
from tests.support.paths import ROOT, SAMPLE

HOSTILE = "<img src=x onerror=document.title='owned'>.png"

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of a 7, one with a hostile name, a number, and a torn file."""
    for name in (HOSTILE, "b.png"):
        shutil.copy(SAMPLE, tmp_path / name)
    shutil.copy(ROOT / "docs/images/number.jpg", tmp_path / "c.jpg")
    (tmp_path / "d.png").write_bytes(b"torn")
    return tmp_path


@pytest.fixture
def page(browser: webdriver.Chrome, folder: Path) -> Iterator[webdriver.Chrome]:
    """The page, just opened; the browser may report no error while it is used."""
    with running_label_page(folder, "--model", "nano") as server:
        browser.get("about:blank")
        browser.get(server.link)
        browser.get_log("browser")  # type: ignore[no-untyped-call]
        wait_for(browser, "words", "Picture 1 of 4")
        yield browser
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
        assert browser.title == "mnist-edge: label pictures"


def labels(folder: Path) -> list[tuple[str, str]]:
    table = folder / "labels.csv"
    if not table.exists():
        return []
    return [(row.path, row.label.text) for row in read_label_table(table)]


def test_keys_label_undo_and_take_the_guess(page: webdriver.Chrome, folder: Path) -> None:
    assert part(page, "guess").text == "The model's guess: 7"
    press(page, "3")
    wait_for(page, "words", "Picture 2 of 4")
    assert labels(folder) == [(HOSTILE, "3")]
    assert part(page, "count").text == "1 of 4 labelled, 3 to do."
    press(page, "u")
    wait_for(page, "words", "Picture 1 of 4")
    assert labels(folder) == []
    press(page, Keys.ENTER, "X")
    assert labels(folder) == [(HOSTILE, "7"), ("b.png", "x")]
    press(page, Keys.ARROW_LEFT)
    wait_for(page, "words", "Labelled no digit")
    # A reload goes on where the labels end, and knows the token.
    page.refresh()
    wait_for(page, "words", "Picture 3 of 4")
    assert "token" not in page.current_url


def test_several_digits_are_labeled_by_their_boxes(page: webdriver.Chrome, folder: Path) -> None:
    press(page, Keys.ENTER, Keys.ENTER)
    wait_for(page, "words", "Picture 3 of 4, digit 1 of")
    count = int(part(page, "words").text.partition(":")[0].split()[-1])
    press(page, *["5"] * (count - 1))
    assert [text for path, text in labels(folder) if path == "c.jpg"] == ["5"] * (count - 1) + [""]
    assert "2 of 4 labelled" in part(page, "count").text
    press(page, "u", "6", "9")
    texts = [text for path, text in labels(folder) if path == "c.jpg"]
    assert texts == ["5"] * (count - 2) + ["6", "9"]
    # An unreadable picture says so, and can only be labeled as no digit.
    wait_for(page, "words", "Picture 4 of 4 cannot be read")
    press(page, "4", "x")
    assert labels(folder)[-1] == ("d.png", "x")
    wait_for(page, "words", "All pictures are labelled")
    press(page, Keys.ARROW_LEFT)
    wait_for(page, "words", "Labelled 5")
    press(page, "b")
    wait_for(page, "words", "Picture 3 of 4: ")
    press(page, "x")
    assert [text for path, text in labels(folder) if path == "c.jpg"] == ["x"]


def test_buttons_do_what_keys_do_and_keys_can_be_confined(
    page: webdriver.Chrome, folder: Path
) -> None:
    part(page, "shortcuts").click()
    page.find_element(By.CSS_SELECTOR, "[data-label='4']").click()
    wait_for(page, "words", "Picture 2 of 4")
    press(page, "5")
    assert labels(folder) == [(HOSTILE, "4")]
    part(page, "board").send_keys("5")
    wait_for(page, "words", "Picture 3 of 4")
    part(page, "undo").click()
    wait_for(page, "words", "Picture 2 of 4")
    part(page, "none").click()
    wait_for(page, "words", "Picture 3 of 4")
    assert labels(folder) == [(HOSTILE, "4"), ("b.png", "x")]


def test_two_tabs_lose_nothing(page: webdriver.Chrome, folder: Path) -> None:
    first = page.current_window_handle
    page.switch_to.new_window("tab")
    second = page.current_window_handle
    try:
        # A new tab has no token, and asks for it.
        page.switch_to.window(first)
        token = page.execute_script("return sessionStorage.getItem('token')")
        address = page.current_url
        page.switch_to.window(second)
        page.get(address)
        patience(page).until(lambda _: part(page, "unlock").is_displayed())
        part(page, "token").send_keys(token, Keys.ENTER)
        wait_for(page, "words", "Picture 1 of 4")
        press(page, "2", "3")
        page.switch_to.window(first)
        press(page, "9")
        # The first tab's own label counts, and it goes on with what nobody has labeled.
        wait_for(page, "words", "Picture 3 of 4")
        assert labels(folder) == [(HOSTILE, "9"), ("b.png", "3")]
    finally:
        page.switch_to.window(second)
        page.close()
        page.switch_to.window(first)
        page.get_log("browser")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(page: webdriver.Chrome, scheme: str) -> None:
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        press(page, "3", "4")
        wait_for(page, "words", "Picture 3 of 4")
        measured = page.execute_script(
            "const box = document.documentElement; return [box.scrollWidth, box.clientWidth]"
        )
        assert measured[0] <= measured[1] == 360
        page.execute_script(axe_script())
        result = page.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        assert json.dumps(result["violations"], indent=1) == "[]"
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
