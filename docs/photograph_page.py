"""Photograph the page of ``mnist-edge serve`` for ``docs/images/``, with a 7 drawn on it.

python -m docs.photograph_page
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from docs.draw_examples import COLORS, FOLDER
from tests.device.deployment.server.test_drawing_page import SEVEN, draw, start_browser
from tests.support.digit_server import running_server

WIDTH, HEIGHT = 960, 800
"""Size of the window in pixels."""
SECONDS = 60


def main() -> None:
    """Write the picture."""
    with (
        tempfile.TemporaryDirectory() as models,
        running_server("--model", "edge", models=Path(models)) as server,
    ):
        browser = start_browser()
        try:
            content = photograph(browser, server.link)
        finally:
            browser.quit()
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.quantize(COLORS).save(FOLDER / "serve.png", optimize=True)


def photograph(browser: webdriver.Chrome, link: str) -> bytes:
    """Draw a 7 and return a PNG of the page that reads it."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(link)
    draw(browser, SEVEN)
    WebDriverWait(browser, SECONDS).until(
        lambda page: "ms" in page.find_element(By.ID, "timing").text
    )
    return browser.get_screenshot_as_png()


if __name__ == "__main__":
    main()
