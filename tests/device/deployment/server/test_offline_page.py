"""The page that reads without a server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.support.browsers import (
    IN_A_BROWSER,
    SEVEN,
    ZIGZAG,
    draw,
    open_browser,
    part,
    wait_for,
)

pytestmark = [
    *IN_A_BROWSER,
    pytest.mark.skipif(
        not all(map(shutil.which, ("clang", "wasm-ld"))), reason="no clang, or no lld"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


def test_a_page_from_the_disk_reads_drawings_by_itself(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    path = tmp_path / "draw.html"
    command = [sys.executable, "-m", "mnist_edge", "export", "nano", "--target", "page"]
    done = subprocess.run(
        [*command, "--out", str(path)], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == f"wrote {path}: a page of {path.stat().st_size:,} bytes\n"
    assert path.stat().st_size < 60_000
    browser.get(path.as_uri())
    draw(browser, SEVEN)
    wait_for(browser, "digit", "7")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#bars li")) == 10
    assert part(browser, "seen").is_displayed()
    draw(browser, ZIGZAG)
    wait_for(browser, "words", "does not look like any digit")
    # What the page cannot do is not offered, and is explained.
    for name in ("file", "capture", "camera", "all"):
        assert not part(browser, name).is_displayed()
    assert "mnist-edge serve" in browser.find_element(By.TAG_NAME, "header").text
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
