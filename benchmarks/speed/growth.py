"""Measure how processor time and memory grow with what there is to read.

    python -m benchmarks.speed.growth

A curve is fitted as ``time = constant * size ** exponent``, by least squares of the logarithms over
the upper half of the sizes, where what does not grow no longer shows: 1 is linear. Processor time
holds on a busy machine. Every size is measured twice, in turn with the others, and the least
counts. Memory is the peak of a start of the program that reads it all.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.rows import Row, count, main
from benchmarks.speed.jpeg_12mp import photo
from mnist_edge import Classifier
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.cold_start import time_starts
from mnist_edge.preprocessing.pipeline import preprocess

EXPONENT = 1.1
"""Most that counts as linear, with the noise of the measurement."""
_ROUNDS = 2
_ARRAYS = (1, 10, 100, 1_000, 10_000, 100_000)
_MEGAPIXELS = (0.1, 0.3, 1, 3, 12, 48)
_DIGITS = (1, 4, 16, 49, 100, 196, 400)
_CELL = 44
"""Side of a digit's place on a page, in pixels."""


def measure(share: float) -> Iterator[Row]:
    """Yield an exponent for each curve; a part of the sizes, from the least, below full size."""
    classifier, digits = Classifier(), load_test_digits().images
    large = Image.open(io.BytesIO(photo()))
    photos = {size: _resized(large, size) for size in _part(_MEGAPIXELS, share)}
    pages = {size: _page(digits[: int(size)]) for size in _part(_DIGITS, share)}
    arrays = {size: np.resize(digits, (int(size), 28, 28)) for size in _part(_ARRAYS, share)}
    yield _row("arrays (predict_pixels)", _calls(classifier.predict_pixels, arrays))
    yield _row("megapixels (preprocess of a JPEG)", _calls(preprocess, photos))
    yield _row("digits on a page (predict_all)", _calls(classifier.predict_all, pages))
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        yield from _memory(Path(temporary), photos, pages)


def _memory(
    folder: Path, photos: Mapping[float, bytes], pages: Mapping[float, Image.Image]
) -> Iterator[Row]:
    """Yield the growth of peak memory with megapixels, digits on a page, and files."""
    predict = [sys.executable, "-m", "mnist_edge", "predict", "--model", "edge"]
    commands: dict[str, dict[float, list[str]]] = {"megapixels": {}, "digits on a page": {}}
    for size, content in photos.items():
        path = folder / f"{size:g}.jpg"
        path.write_bytes(content)
        commands["megapixels"][size] = [*predict, str(path)]
    for size, page in pages.items():
        path = folder / f"{size:g}.png"
        page.save(path)
        commands["digits on a page"][size] = [*predict, "--all", str(path)]
    for what, starts in commands.items():
        found = time_starts([*starts.values()], rounds=1)
        peaks = {size: one.peak_mib for size, one in zip(starts, found, strict=True)}
        known = {size: peak for size, peak in peaks.items() if peak}
        if len(known) == len(peaks):
            least, most = (f"{known[size]:.4g} MiB" for size in (min(known), max(known)))
            yield _curve(f"memory against {what}", known, least, most)


def fit_exponent(seconds: Mapping[float, float]) -> float:
    """Return the exponent of a curve, given the seconds, or the memory, of each size."""
    upper = sorted(seconds)[len(seconds) // 2 :]
    return float(np.polyfit(np.log(upper), np.log([seconds[size] for size in upper]), 1)[0])


def _calls(
    read: Callable[[Any], object], inputs: Mapping[float, Any]
) -> dict[float, Callable[[], object]]:
    return {size: partial(read, one) for size, one in inputs.items()}


def _row(what: str, calls: Mapping[float, Callable[[], object]]) -> Row:
    seconds: dict[float, float] = {}
    for _ in range(_ROUNDS):
        for size, call in calls.items():
            started = time.process_time()
            call()
            taken = max(time.process_time() - started, 1e-6)
            seconds[size] = min(taken, seconds.get(size, taken))
    least, most = 1e3 * seconds[min(calls)], 1e3 * seconds[max(calls)]
    return _curve(f"time against {what}", seconds, f"{least:.3g} ms", f"{most:,.4g} ms")


def _curve(what: str, figures: Mapping[float, float], least: str, most: str) -> Row:
    """Return the row of a curve, which names what its least and its largest size take."""
    return Row(
        what=f"{what}: {min(figures):g} take {least}, {max(figures):g} take {most}",
        figure=fit_exponent(figures),
        unit="exponent",
        goal="at most",
        target=EXPONENT,
    )


def _part(sizes: tuple[float, ...], share: float) -> list[float]:
    return list(sizes[: count(len(sizes), share, least=3)])


def _resized(picture: Image.Image, megapixels: float) -> bytes:
    factor = (1e6 * megapixels / (picture.width * picture.height)) ** 0.5
    size = (round(factor * picture.width), round(factor * picture.height))
    saved = io.BytesIO()
    picture.resize(size).save(saved, "JPEG", quality=90)
    return saved.getvalue()


def _page(digits: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Image.Image:
    """Return white paper with the digits in rows of as many as there are rows."""
    rows = int(len(digits) ** 0.5)
    paper = Image.new("L", (_CELL * (rows + 1), _CELL * (rows + 1)), 255)
    for number, digit in enumerate(digits):
        row, column = divmod(number, rows)
        place = (_CELL // 2 + column * _CELL, _CELL // 2 + row * _CELL)
        paper.paste(Image.fromarray(np.invert(digit)), place)
    return paper


if __name__ == "__main__":
    main(measure, __doc__)
