import io
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.errors import InvalidValue, MissingDependency, PictureNotFound
from mnist_edge.monitoring.camera_keeper import CameraKeeper
from mnist_edge.monitoring.cameras import (
    Camera,
    CameraFailed,
    DemoCamera,
    ProgramCamera,
    open_camera,
)
from mnist_edge.monitoring.clock import SystemClock
from mnist_edge.monitoring.settings import CameraSettings
from tests.support.clocks import SteppedClock
from tests.support.mjpeg_server import serve_mjpeg
from tests.support.serving import served
from tests.support.waiting import eventually, is_running

SMALL = io.BytesIO()
Image.fromarray(np.full((48, 64, 3), 99, np.uint8)).save(SMALL, "JPEG")
JPEG = io.BytesIO()
Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(JPEG, "JPEG")
CAMERA = f"""
import os, sys, time
picture = {JPEG.getvalue()!r}
"""
ENDLESS = CAMERA + "while True: os.write(1, picture); time.sleep(0.02)"


def program(code: str) -> ProgramCamera:
    return ProgramCamera([sys.executable, "-c", code], SystemClock())


def test_the_newest_picture_of_a_program_is_given() -> None:
    camera = program(ENDLESS)
    camera.start()
    try:
        first = eventually(camera.newest)
        assert eventually(lambda: camera.newest() != first)
        assert camera.newest().content == JPEG.getvalue()  # type: ignore[union-attr]
        assert camera.end() is None
    finally:
        camera.stop()
    assert camera.end() is None


def test_a_program_that_ends_is_named_with_its_last_words() -> None:
    camera = program(CAMERA + "os.write(1, picture); sys.exit('Cannot open\\x1b device')")
    camera.start()
    reason = eventually(camera.end)
    assert "ended with status 1: Cannot open\\x1b device" in str(reason)
    assert camera.newest()
    camera.stop()


def test_a_program_that_fills_its_messages_does_not_fill_the_memory() -> None:
    camera = program("import os\nfor _ in range(200): os.write(2, b'x' * 100_000)")
    camera.start()
    assert len(str(eventually(camera.end))) < 1000
    camera.stop()


def test_a_stopped_program_is_gone_with_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    stubborn = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "time.sleep(600)"
    )
    camera = program(stubborn)
    camera.start()
    eventually(lambda: pids.exists() and pids.read_text().endswith(" "))
    camera.stop()
    # A killed process takes a moment to end, and what the program started is no child to wait for.
    eventually(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))


def test_a_program_never_outlives_its_parent(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(600)"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from mnist_edge.monitoring.cameras import ProgramCamera\n"
            "from mnist_edge.monitoring.clock import SystemClock\n"
            f"ProgramCamera([sys.executable, '-c', {child!r}], SystemClock()).start()\n"
            "time.sleep(600)",
        ]
    )
    try:
        eventually(lambda: pid.exists() and pid.read_text().endswith(" "))
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: not is_running(int(pid.read_text())))


def test_a_program_that_is_not_there_fails_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = ProgramCamera(["/nonexistent/rpicam-vid"], SystemClock())
    camera.start()
    # setpriv is there, and says that the program is not.
    assert "nonexistent" in str(eventually(camera.end))
    camera.stop()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CameraFailed, match="rpicam-vid cannot be started: No such file"):
        camera.start()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that programs are found in."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def started(camera: Camera, path: Path) -> list[str]:
    """Give the words that a camera's program was started with."""
    log = path / "words"
    camera.start()
    try:
        eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    finally:
        camera.stop()
    return log.read_text().splitlines()


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


LOG_WORDS = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done > {}\nexec /bin/sleep 600\n'


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


@pytest.mark.parametrize("address", ["rpi", "file:///etc/passwd", "-i", "video0", "demo"])
def test_anything_else_is_no_camera(address: str) -> None:
    with pytest.raises(InvalidValue, match="expected rpicam"):
        open_camera(CameraSettings(address=address), SystemClock())


def test_the_pictures_of_a_folder_are_replayed(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFound, match="no pictures in"):
        DemoCamera(tmp_path, SteppedClock())
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_text(name)
    camera = DemoCamera(tmp_path, SteppedClock())
    camera.start()
    shown = []
    for _ in range(3):
        shown.append(camera.newest())
        assert camera.newest() == shown[-1]
        camera.advance()
    assert [one.content for one in shown if one] == [b"a.jpg", b"b.PNG", b"a.jpg"]
    assert camera.length == 2


def test_the_drawn_counter_repeats_a_picture_that_is_stuck() -> None:
    camera = open_camera(CameraSettings(address="demo:"), SteppedClock())
    contents = []
    for _ in range(28):
        frame = camera.newest()
        assert frame
        contents.append(frame.content)
        camera.advance()
    assert len(set(contents)) == 22
    assert len(set(contents[20:27])) == 1


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
