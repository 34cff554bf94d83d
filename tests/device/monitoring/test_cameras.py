import io
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.errors import InvalidValue, MissingDependency, MnistEdgeError
from mnist_edge.monitoring.camera_keeper import Camera, CameraKeeper
from mnist_edge.monitoring.cameras import open_camera
from mnist_edge.monitoring.clock import SystemClock
from mnist_edge.monitoring.settings import CameraSettings
from tests.support.mjpeg_server import serve_mjpeg
from tests.support.serving import served
from tests.support.waiting import eventually

SMALL = io.BytesIO()
Image.fromarray(np.full((48, 64, 3), 99, np.uint8)).save(SMALL, "JPEG")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that programs are found in."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def started(camera: Camera, path: Path) -> list[str]:
    """Return the words that a camera's program was started with."""
    log = path / "words"
    camera.start()
    try:
        eventually(lambda: log.exists() and log.read_text().endswith("\nend\n"))
    finally:
        camera.stop()
    return log.read_text().splitlines()[:-1]


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


LOG_WORDS = """#!/bin/sh
for word in "$@"; do echo "$word"; done > {0}
echo end >> {0}
exec /bin/sleep 600
"""


def test_the_camera_of_a_raspberry_pi_is_a_program(path: Path) -> None:
    settings = CameraSettings(address="rpicam", size=(1280, 720), options=("--hflip",))
    with pytest.raises(MissingDependency, match="sudo apt install rpicam-apps"):
        open_camera(settings, SystemClock())
    write_program(path / "rpicam-vid", LOG_WORDS.format(path / "words"))
    words = started(open_camera(settings, SystemClock()), path)
    assert " ".join(words) == (
        "--nopreview --timeout 0 --codec mjpeg --flush --framerate 2 --width 1280 --height 720 "
        "--hflip --output -"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/dev/video0", "-f v4l2 -video_size 1280x720 -i /dev/video0"),
        ("rtsp://10.0.0.2/a", "-protocol_whitelist rtsp,rtp,udp,tcp -rtsp_transport tcp"),
        ("http://10.0.0.2/a", "-protocol_whitelist http,tcp -i http://10.0.0.2/a"),
    ],
)
def test_devices_and_addresses_need_ffmpeg(address: str, expected: str, path: Path) -> None:
    settings = CameraSettings(address=address, size=(1280, 720))
    with pytest.raises(MissingDependency, match="sudo apt install ffmpeg"):
        open_camera(settings, SystemClock())
    write_program(path / "ffmpeg", LOG_WORDS.format(path / "words"))
    assert expected in " ".join(started(open_camera(settings, SystemClock()), path))


def test_no_message_repeats_the_password_of_an_address(path: Path) -> None:
    for address in ("rtsp://me:secret@10.0.0.2/a", "ftp://me:secret@10.0.0.2/a"):
        with pytest.raises(MnistEdgeError, match=r"://me:\.\.\.@10\.0\.0\.2/a"):
            open_camera(CameraSettings(address=address), SystemClock())


@pytest.mark.parametrize("address", ["rpi", "file:///etc/passwd", "-i", "video0", "demo"])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidValue, match="expected rpicam"):
        open_camera(CameraSettings(address=address), SystemClock())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_ffmpeg_reads_an_address_of_a_single_picture() -> None:
    with served({"/capture.jpg": SMALL.getvalue()}) as root:
        settings = CameraSettings(address=f"{root}/capture.jpg", keep_open=False)
        keeper = CameraKeeper(open_camera(settings, SystemClock()), settings, SystemClock())
        for _ in range(2):
            asked = time.monotonic()
            keeper.open()
            assert eventually(partial(keeper.newest, asked))
            assert keeper.problem is None
            keeper.close()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_ffmpeg_reads_a_stream_from_an_address() -> None:
    with serve_mjpeg() as (address, is_sending):
        settings = CameraSettings(address=address, frames_per_second=5.0)
        camera = open_camera(settings, SystemClock())
        camera.start()
        try:
            first = eventually(camera.newest)
            assert eventually(lambda: camera.newest() != first)
            with Image.open(io.BytesIO(camera.newest().content)) as picture:  # type: ignore[union-attr]
                assert picture.size == (640, 280)
            is_sending.clear()
            assert "ffmpeg ended with status" in str(eventually(camera.end))
        finally:
            camera.stop()
