"""A browser that nobody sees, and what a person does in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.pages import CHROMIUM
from tests.support.waiting import SECONDS

Test = TypeVar("Test", bound=Callable[..., None])

DRIVER = shutil.which("chromedriver")
IN_A_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium, or no chromium-driver"),
    # trio's sockets of selenium's own, at the end of the interpreter.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
"""Marks of a module's tests in a browser."""
SEVEN = [(0.25, 0.2), (0.5, 0.19), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)]
ZIGZAG = [(0.1, 0.3), (0.3, 0.8), (0.5, 0.3), (0.7, 0.8), (0.9, 0.3)]
"""Strokes; points are shares of the drawing's side."""


def in_a_browser(test: Test) -> Test:
    """Mark one test."""
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


@contextmanager
def open_browser(*arguments: str) -> Iterator[webdriver.Chrome]:
    """Open a browser, and close it at the end."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    hidden = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for argument in (*hidden, *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.set_page_load_timeout(SECONDS)
        driver.set_script_timeout(SECONDS)
        yield driver
    finally:
        driver.quit()


def patience(page: webdriver.Chrome) -> WebDriverWait[webdriver.Chrome]:
    """Wait for a page, which may exchange an element while it is looked at."""
    return WebDriverWait(page, SECONDS, ignored_exceptions=[StaleElementReferenceException])


def part(page: webdriver.Chrome, name: str) -> WebElement:
    """Find an element by its id."""
    return page.find_element(By.ID, name)


def draw(page: webdriver.Chrome, points: list[tuple[float, float]]) -> None:
    """Draw a stroke with the mouse; points are shares of the drawing's side."""
    drawing = part(page, "drawing")
    side = drawing.size["width"]
    actions = ActionChains(page, duration=20)
    for number, (x, y) in enumerate(points):
        actions.move_to_element_with_offset(
            drawing, round((x - 0.5) * side), round((y - 0.5) * side)
        )
        if number == 0:
            actions.click_and_hold()
    actions.release().perform()


def draw_by_finger(page: webdriver.Chrome, points: list[tuple[float, float]]) -> None:
    """Draw a stroke on a touch screen; points are shares of the drawing's side."""
    box = part(page, "drawing").rect

    def touch(kind: str, points: list[tuple[float, float]]) -> None:
        places = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points
        ]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        touch("touchStart", points[:1])
        for point in points[1:]:
            touch("touchMove", [point])
        touch("touchEnd", [])
    finally:
        page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def press(page: webdriver.Chrome, *keys: str) -> None:
    """Press keys, each once what the one before asked for is done."""
    for key in keys:
        ActionChains(page).send_keys(key).perform()
        patience(page).until(
            lambda _: page.find_element(By.TAG_NAME, "body").get_attribute("aria-busy") == "false"
        )


def wait_for(page: webdriver.Chrome, name: str, text: str) -> None:
    """Wait until an element shows a text, and the page takes a key or a click again."""
    patience(page).until(
        lambda _: (
            text in part(page, name).text
            and page.find_element(By.TAG_NAME, "body").get_attribute("aria-busy") != "true"
        )
    )
