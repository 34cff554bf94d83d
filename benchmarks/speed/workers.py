"""Measure what further processes bring ``mnist-edge predict FOLDER``: on drawings, and on photos.

    python -m benchmarks.speed.workers

The drawings are test digits as PNG files; the photos, of 640x480 pixels, are a few generated ones
(benchmarks/accuracy/hard_pictures), each under many names. One process is ``--jobs 1``.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy.hard_pictures.conditions import make
from benchmarks.rows import Row, count, main, row_of_times
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.cold_start import time_starts
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.modelstore import loading

PHOTOS = 1.9
"""How many times as fast two cores must read photos as one process does."""
_JOBS = (2, 4)
_DRAWINGS, _PHOTOS, _ROUNDS = 5_000, 500, 2
_CONDITIONS = ("light", "ruled")
_SIZE = (640, 480)


def measure(share: float) -> Iterator[Row]:
    """Yield a row for each number of processes; 5,000 drawings and 500 photos at full size."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        drawings, photos = Path(temporary) / "drawings", Path(temporary) / "photos"
        drawings.mkdir()
        photos.mkdir()
        images = load_test_digits().images[: count(_DRAWINGS, share, least=20)]
        for number, image in enumerate(images):
            Image.fromarray(np.invert(image)).save(drawings / f"{number:05}.png")
        contents = [_photo(condition) for condition in _CONDITIONS]
        names = count(_PHOTOS, share, least=4)
        for number in range(names):
            (photos / f"{number:05}.jpg").write_bytes(contents[number % len(contents)])
        yield from _rows(drawings, f"{len(images):,} drawings", _JOBS, share, target=None)
        two = (2,)
        target = PHOTOS if available_cores() > 1 else None
        yield from _rows(photos, f"{names:,} photos", two, share, target=target)


def _rows(
    folder: Path, pictures: str, jobs: tuple[int, ...], share: float, *, target: float | None
) -> Iterator[Row]:
    commands = [_predict(folder, number) for number in (1, *jobs)]
    one, *more = time_starts(commands, rounds=count(_ROUNDS, share))
    for number, starts in zip(jobs, more, strict=True):
        yield row_of_times(
            f"predict FOLDER of {pictures}, {number} processes",
            starts.seconds,
            "one process",
            one.seconds,
            goal="at least",
            target=target,
        )


def _predict(folder: Path, jobs: int) -> list[str]:
    program = [sys.executable, "-m", "mnist_edge", "predict", "--format", "jsonl"]
    model = loading.shipped_file("edge")
    return [*program, "--jobs", str(jobs), "--model", str(model), str(folder)]


def _photo(condition: str) -> bytes:
    (picture,) = make(condition, severity=2, count=1, seed=0)
    saved = io.BytesIO()
    picture.image.convert("RGB").resize(_SIZE).save(saved, "JPEG", quality=90)
    return saved.getvalue()


if __name__ == "__main__":
    main(measure, __doc__)
