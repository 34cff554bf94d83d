"""Photograph the pages for ``docs/images/``: serve's with a 7 drawn on it, and label's.

python -m docs.photograph_page
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from docs.draw_examples import COLORS, FOLDER
from mnist_edge import Classifier
from mnist_edge.inference.unsure_pictures import UnsurePictures
from tests.support.browsers import SEVEN, draw, open_browser, patience, press, wait_for
from tests.support.digit_server import running_label_page, running_server
from tests.support.writers import draw_pictures, squares

WIDTH, HEIGHT = 960, 900
"""Size of the window in pixels."""
LABEL_HEIGHT = 550
"""Height of the page to label on, without the empty rest of the window."""


def main() -> None:
    """Write the pictures."""
    with open_browser() as browser:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )
        with (
            tempfile.TemporaryDirectory() as models,
            running_server("--model", "edge", models=Path(models)) as server,
        ):
            _save(photograph(browser, server.link), "serve.png")
        with tempfile.TemporaryDirectory() as folder:
            unsure = Path(folder, "unsure")
            unsure.mkdir()
            for name in ("card.jpg", "cell.jpg", "number.jpg"):
                shutil.copy(FOLDER / name, unsure)
            with running_label_page(unsure, "--model", "edge") as server:
                _save(photograph_labels(browser, server.link), "label.png", height=LABEL_HEIGHT)
        with tempfile.TemporaryDirectory() as folder:
            keep_unsure(Path(folder, "unsure"))
            with running_label_page(Path(folder, "unsure"), "--model", "micro") as server:
                _save(photograph_first(browser, server.link), "label-hand.png", height=LABEL_HEIGHT)


def keep_unsure(folder: Path) -> None:
    """Keep what micro is unsure of in the tutorial's hand."""
    drawn = draw_pictures(folder.with_name("later"), squares(20, seed=6))
    classifier = Classifier("micro")
    unsure = UnsurePictures(folder, warn=print)
    for path in drawn:
        name = path.relative_to(folder.parent).as_posix()
        unsure.keep(path.read_bytes(), classifier.predict(path), classifier, name=name)


def photograph_first(browser: webdriver.Chrome, link: str) -> bytes:
    """Return a PNG of the page at its first picture."""
    browser.get("about:blank")
    browser.get(link)
    wait_for(browser, "words", "Picture 1")
    return browser.get_screenshot_as_png()


def photograph(browser: webdriver.Chrome, link: str) -> bytes:
    """Draw a 7 and return a PNG of the page that reads it."""
    browser.get(link)
    draw(browser, SEVEN)
    patience(browser).until(lambda page: "ms" in page.find_element(By.ID, "timing").text)
    return browser.get_screenshot_as_png()


def photograph_labels(browser: webdriver.Chrome, link: str) -> bytes:
    """Label two pictures and two digits of a number; return a PNG of the page at the third."""
    browser.get(link)
    for wanted in ("Picture 1", "Picture 2", "digit 1", "digit 2"):
        wait_for(browser, "words", wanted)
        press(browser, Keys.ENTER)
    wait_for(browser, "words", "digit 3")
    return browser.get_screenshot_as_png()


def _save(content: bytes, name: str, *, height: int = HEIGHT) -> None:
    picture = Image.open(io.BytesIO(content)).convert("RGB").crop((0, 0, WIDTH, height))
    picture.quantize(COLORS).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
