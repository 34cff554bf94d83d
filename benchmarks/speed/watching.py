"""Measure what a watch of a camera takes while the picture stands still.

    python -m benchmarks.speed.watching

A program in the place of ``rpicam-vid`` writes the drawn counter twice a second, with the noise of
a sensor, and ``watch`` reads it every ten seconds if it has changed. Processor time is that of
``watch`` alone, once it has started; memory is what is resident.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rows import Row, main

_SECONDS = 120
_START_SECONDS = 20
"""Time in which it starts, and has read the first picture."""
_MAX_SHARE = 2.0
"""Percent of a core."""
_CONFIG = """
[camera]
address = "rpicam"
[schedule]
on_change = true
[[region]]
name = "counter"
box = [48, 96, 592, 180]
[region.rules]
digits = 8
"""
_CAMERA = f"""#!{sys.executable}
import io, sys, time
from PIL import Image
from mnist_edge.monitoring.demo_counter import CounterPicture, draw_counter
pictures = []
for seed in range(9):
    stream = io.BytesIO()
    image = Image.fromarray(draw_counter(CounterPicture(value=1_234_567), seed=seed))
    image.save(stream, "JPEG")
    pictures.append(stream.getvalue())
while True:
    for picture in pictures:
        sys.stdout.buffer.write(picture)
        sys.stdout.flush()
        time.sleep(0.5)
"""


def measure(share: float) -> Iterator[Row]:
    """Yield the processor time and the growth of memory; a share of the time below full length."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "watch.toml").write_text(_CONFIG)
        camera = folder / "rpicam-vid"
        camera.write_text(_CAMERA)
        camera.chmod(0o755)
        # setpriv, beside the program that is stood in for, is found where it was.
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        words = [sys.executable, "-m", "mnist_edge", "watch", "--config", "watch.toml"]
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(Path.cwd())}
        watch = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            if watch.stdout:
                watch.stdout.readline()
            time.sleep(_START_SECONDS)
            yield from _rows(watch.pid, max(10.0, share * _SECONDS))
        finally:
            watch.terminate()
            watch.communicate()


def _rows(watch: int, seconds: float) -> Iterator[Row]:
    used, before, began = _processor_seconds(watch), _resident(watch), time.monotonic()
    time.sleep(seconds)
    share = 100 * (_processor_seconds(watch) - used) / (time.monotonic() - began)
    after = _resident(watch)
    yield Row(
        what="watch, a still picture, two pictures a second, share of a core",
        figure=share,
        unit="%",
        goal="at most",
        target=_MAX_SHARE,
    )
    yield Row(
        what=f"watch, memory after {seconds:.0f} s more",
        figure=after / 1e6,
        unit="MB",
        against="after the first reading",
        other=before / 1e6,
        ratio=after / before,
        goal="at most",
        target=1.05,
    )


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(measure, __doc__)
