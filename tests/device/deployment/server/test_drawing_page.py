"""The page, as somebody uses it in a browser."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browsers import (
    IN_A_BROWSER,
    SEVEN,
    ZIGZAG,
    draw,
    draw_by_finger,
    open_browser,
    part,
    patience,
    wait_for,
)
from tests.support.certificates import make_certificate
from tests.support.digit_server import RunningServer, running_server
from tests.support.pages import axe_script
from tests.support.paths import ROOT
from tests.support.serving import served

SAMPLES = ROOT / "mnist_edge/samples"
pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--model", "edge") as one:
        yield one


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of a 7 on paper, for a camera that does not exist (YUV4MPEG2, 4:2:0)."""
    width, height = 640, 480
    frame = np.full((height, width), 215, np.uint8)
    with Image.open(SAMPLES / "digit.png") as picture:
        gray = np.asarray(picture.convert("L").resize((400, 400)))
    frame[40:440, 120:520] = np.minimum(frame[40:440, 120:520], gray)
    path = tmp_path_factory.mktemp("camera") / "seven.y4m"
    content = frame.tobytes() + bytes([128]) * (width * height // 2)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\nFRAME\n".encode() + content)
    return path


@pytest.fixture(scope="module")
def browser(video: Path) -> Iterator[webdriver.Chrome]:
    with open_browser(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    ) as driver:
        yield driver


@pytest.fixture
def page(browser: webdriver.Chrome, server: RunningServer) -> Iterator[webdriver.Chrome]:
    """The page, just opened; the browser may report no error while it is used."""
    browser.get("about:blank")
    browser.get(server.link)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    yield browser
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_a_drawn_seven_is_read(page: webdriver.Chrome) -> None:
    draw(page, SEVEN)
    wait_for(page, "digit", "7")
    assert "Read as 7" in part(page, "words").text
    bars = page.find_elements(By.CSS_SELECTOR, "#bars li")
    assert [bar.text.split()[0] for bar in bars] == list("0123456789")
    assert "best" in (bars[7].get_attribute("class") or "")
    assert part(page, "seen").is_displayed()
    wait_for(page, "timing", "ms")


def test_a_finger_draws_too(page: webdriver.Chrome) -> None:
    draw_by_finger(page, SEVEN)
    wait_for(page, "digit", "7")


def test_a_phone_reads_by_the_link_over_https(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", certificate, "--tls-key", key, "--token-file", tmp_path / "token")
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": True}
    with (
        running_server("--model", "nano", *map(str, options)) as server,
        # The answer to the browser's warning, once.
        open_browser("--ignore-certificate-errors") as phone,
    ):
        phone.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        phone.get(server.link)
        draw_by_finger(phone, SEVEN)
        wait_for(phone, "digit", "7")
        # The page is secure, so that it may have the camera.
        assert part(phone, "camera").is_displayed()
        assert phone.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_script_of_the_documents_reads_from_a_page_elsewhere(browser: webdriver.Chrome) -> None:
    document = (ROOT / "docs/how-to/serve-over-http.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```js\n(.*?)```", document, re.DOTALL)
    content = base64.b64encode((SAMPLES / "digit.png").read_bytes()).decode("ascii")
    with (
        served({"/": b"<!DOCTYPE html><title>elsewhere</title>"}) as elsewhere,
        running_server("--model", "nano", "--allow-origin", elsewhere) as server,
    ):
        browser.get(f"{elsewhere}/")
        answer = browser.execute_async_script(
            "const done = arguments[1];"
            "const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));"
            "const file = new Blob([bytes], { type: 'image/png' });"
            f"(async () => {{ {script.replace('http://127.0.0.1:8080', server.url)}"
            "return digit; })().then(done, (error) => done(String(error)))",
            content,
        )
        assert answer == 7


def test_the_keyboard_draws_undoes_and_clears(page: webdriver.Chrome) -> None:
    drawing = part(page, "drawing")
    drawing.send_keys(Keys.ARROW_UP * 12, " ", Keys.ARROW_DOWN * 24, " ")
    wait_for(page, "digit", "1")
    drawing.send_keys(Keys.BACKSPACE)
    wait_for(page, "words", "Nothing yet")
    drawing.send_keys(" ", Keys.ARROW_DOWN * 12, " ")
    wait_for(page, "digit", "1")
    drawing.send_keys(Keys.DELETE)
    wait_for(page, "words", "Nothing yet")


def test_a_drawing_that_is_not_a_digit_gets_no_answer_and_says_why(page: webdriver.Chrome) -> None:
    draw(page, ZIGZAG)
    wait_for(page, "words", "does not look like any digit")
    assert part(page, "digit").text == "?"
    assert page.find_elements(By.CSS_SELECTOR, "#bars .best") == []


def test_undo_takes_a_stroke_back_and_clear_takes_all(page: webdriver.Chrome) -> None:
    draw(page, SEVEN)
    wait_for(page, "digit", "7")
    part(page, "thick").click()
    draw(page, ZIGZAG)
    wait_for(page, "words", "does not look like any digit")
    part(page, "undo").click()
    wait_for(page, "digit", "7")
    part(page, "clear").click()
    wait_for(page, "words", "Nothing yet")
    assert part(page, "digit").text == ""


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif", "ppm"])
def test_a_picture_of_any_format_is_read(
    page: webdriver.Chrome, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"seven.{suffix}"
    with Image.open(SAMPLES / "digit.png") as picture:
        picture.convert("RGB").save(path)
    part(page, "file").send_keys(str(path))
    wait_for(page, "digit", "7")
    # What the browser can show is on the board, until somebody draws.
    assert is_inked(page) == (suffix not in {"tif", "ppm"})
    part(page, "clear").click()
    assert not is_inked(page)


def is_inked(page: webdriver.Chrome) -> bool:
    """Whether anything is on the board."""
    inked: bool = page.execute_script(
        "const { data } = drawing.getContext('2d').getImageData(0, 0, SIDE, SIDE);"
        "return data.some((value) => value < 128)"
    )
    return inked


def test_a_picture_that_is_chosen_is_read_instead_of_what_was_just_drawn(
    page: webdriver.Chrome,
) -> None:
    page.execute_script("PAUSE_ENDED = false; setTimeout(() => { PAUSE_ENDED = true; }, 1000)")
    draw(page, ZIGZAG)
    part(page, "file").send_keys(str(SAMPLES / "digit.png"))
    patience(page).until(lambda _: page.execute_script("return PAUSE_ENDED"))
    wait_for(page, "digit", "7")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "Promise.reject(new TypeError('Failed to fetch'))",
            "it has ended, or the network is gone",
        ),
        ("Promise.resolve(new Response('<p>Bad gateway', { status: 502 }))", "with status 502"),
        ("busy(9)", "requests are being read"),
    ],
)
def test_a_server_that_does_not_answer_is_explained_in_plain_words(
    page: webdriver.Chrome, answer: str, words: str
) -> None:
    answer_instead(page, answer)
    draw(page, SEVEN)
    wait_for(page, "error", words)


def test_a_busy_server_is_asked_again(page: webdriver.Chrome) -> None:
    answer_instead(page, "busy(2)")
    draw(page, SEVEN)
    wait_for(page, "digit", "7")


def answer_instead(page: webdriver.Chrome, answer: str) -> None:
    """Answer requests to read in the server's place; ``busy(n)`` does so n times."""
    page.execute_script(
        "const ask = window.fetch; let asked = 0;"
        "const busy = (times) => (asked += 1) > times ? null : Promise.resolve(new Response("
        '\'{"error": {"message": "9 requests are being read"}}\','
        "{ status: 429, headers: { 'Retry-After': '0.1' } }));"
        "window.fetch = (path, options) =>"
        f" (path.includes('predict') ? {answer} : null) ?? ask(path, options)"
    )


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("NotAllowedError", "allow it to this page"),
        ("NotFoundError", "has no camera"),
        ("NotReadableError", "in use by another program"),
    ],
)
def test_a_camera_that_cannot_be_used_is_explained_in_plain_words(
    page: webdriver.Chrome, problem: str, words: str
) -> None:
    page.execute_script(
        "navigator.mediaDevices.getUserMedia ="
        f" () => Promise.reject(new DOMException('', '{problem}'))"
    )
    part(page, "camera").click()
    wait_for(page, "error", words)
    assert not part(page, "live").is_displayed()


def test_a_phone_shows_the_answer_beside_the_drawing(page: webdriver.Chrome) -> None:
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        draw(page, SEVEN)
        wait_for(page, "digit", "7")
        bottom = page.execute_script("return digit.getBoundingClientRect().bottom + scrollY")
        assert bottom <= 740
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_several_digits_are_read_with_their_boxes(page: webdriver.Chrome) -> None:
    part(page, "all").click()
    part(page, "file").send_keys(str(SAMPLES / "digits.png"))
    patience(page).until(lambda _: part(page, "picture").is_displayed())
    assert len(part(page, "digit").text) > 1
    # The same picture as one digit, without choosing it again.
    part(page, "all").click()
    wait_for(page, "digit", "?")
    assert "exactly one digit" in part(page, "words").text


def test_several_pictures_are_listed(page: webdriver.Chrome, tmp_path: Path) -> None:
    broken = tmp_path / "<b>.png"
    broken.write_bytes(b"no picture")
    part(page, "file").send_keys(f"{SAMPLES / 'digit.png'}\n{broken}")
    wait_for(page, "others", "digit.png: 7")
    assert "<b>.png: " in part(page, "others").text


def test_a_file_that_is_not_a_picture_is_reported_as_such(
    page: webdriver.Chrome, tmp_path: Path
) -> None:
    path = tmp_path / "notes.png"
    path.write_text("no picture")
    part(page, "file").send_keys(str(path))
    wait_for(page, "error", "is not an image")
    # A browser logs each status of 400 and above by itself.
    (entry,) = page.get_log("browser")  # type: ignore[no-untyped-call]
    assert "422" in entry["message"]


def test_the_camera_is_read_frame_by_frame(page: webdriver.Chrome) -> None:
    part(page, "camera").click()
    wait_for(page, "digit", "7")
    assert part(page, "live").is_displayed()
    part(page, "camera").click()
    assert not part(page, "live").is_displayed()


def test_a_token_is_asked_for_and_remembered(browser: webdriver.Chrome, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with running_server("--model", "nano", "--token-file", str(token)) as server:
        browser.get(server.url)
        patience(browser).until(lambda _: part(browser, "unlock").is_displayed())
        draw(browser, SEVEN)
        wait_for(browser, "words", "asks for its token")
        part(browser, "token").send_keys(token.read_text().strip(), Keys.ENTER)
        wait_for(browser, "digit", "7")
        # The link that the server prints needs no typing, and leaves no token in the address.
        browser.get("about:blank")
        browser.get(server.link)
        draw(browser, SEVEN)
        wait_for(browser, "digit", "7")
        assert "token" not in browser.current_url
    browser.get_log("browser")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_fits_every_width(page: webdriver.Chrome, width: int, scheme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 360}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        draw(page, SEVEN)
        wait_for(page, "digit", "7")
        measured = page.execute_script(
            "const box = document.documentElement; return [box.scrollWidth, box.clientWidth]"
        )
        assert measured[0] <= measured[1]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: webdriver.Chrome, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        draw(page, SEVEN)
        wait_for(page, "timing", "ms")
        page.execute_script(axe_script())
        result = page.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        assert json.dumps(result["violations"], indent=1) == "[]"
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
