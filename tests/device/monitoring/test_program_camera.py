from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.monitoring.camera_keeper import CameraFailed
from mnist_edge.monitoring.clock import SystemClock
from mnist_edge.monitoring.program_camera import ProgramCamera
from tests.support.waiting import eventually, is_running

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
    camera = program(
        CAMERA + "os.write(1, picture); sys.exit('[v4l2 @ 0x55c0] Cannot open\\x1b device')"
    )
    camera.start()
    reason = eventually(camera.end)
    assert "ended with status 1: Cannot open\\x1b device" in str(reason)
    assert camera.newest()
    camera.stop()


def test_the_password_of_an_address_is_not_among_a_programs_last_words() -> None:
    camera = program("import sys; sys.exit('rtsp://me:secret@10.0.0.2/a: 401 Unauthorized')")
    camera.start()
    reason = str(eventually(camera.end))
    camera.stop()
    assert "rtsp://me:...@10.0.0.2/a: 401" in reason


def test_a_program_that_fills_its_messages_does_not_fill_the_memory() -> None:
    camera = program("import os\nfor _ in range(200): os.write(2, b'x' * 100_000)")
    camera.start()
    assert len(str(eventually(camera.end))) < 1000
    camera.stop()


def test_a_stopped_program_takes_its_children_along(tmp_path: Path) -> None:
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
            "from mnist_edge.monitoring.program_camera import ProgramCamera\n"
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


def test_a_missing_program_fails_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = ProgramCamera(["/nonexistent/rpicam-vid"], SystemClock())
    camera.start()
    # setpriv is there, and says that the program is not.
    assert "nonexistent" in str(eventually(camera.end))
    camera.stop()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CameraFailed, match="rpicam-vid cannot be started: No such file"):
        camera.start()
