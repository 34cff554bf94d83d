"""Draws ``tests/data/pictures`` and writes what the shipped model answers to ``golden.json``.

Run from the root of the repository, whenever the shipped model changes:
``python tests/data/make_golden.py``. The answers are the device runtime's, never TensorFlow's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from mnist_edge.data.mnist import load_test_digits
from mnist_edge.modelstore import loading
from mnist_edge.preprocessing.pipeline import preprocess
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime
from mnist_edge.system.files import write_json

_DATA = Path(__file__).parent
_SCALE = 4
"""Drawn four times as large and scaled down, since Pillow's lines are not anti-aliased."""

_FOUR = [[(40, 10), (22, 38), (52, 38)], [(44, 24), (44, 56)]]
_THREE = [[(20, 12), (40, 12), (28, 28), (38, 32), (42, 42), (34, 52), (20, 50)]]
_TWO = [[(16, 20), (22, 12), (34, 12), (38, 22), (30, 36), (14, 50), (42, 50)]]


def main() -> None:
    """Draw the pictures, reads them, and writes both."""
    first = load_test_digits().images[0]
    pictures = {
        "mnist-seven.png": Image.fromarray(first),
        "pen-four.png": _draw(_FOUR, "RGB", paper=(236, 233, 226), ink=(38, 52, 128)),
        "chalk-three.png": _draw(_THREE, "L", paper=30, ink=235),
        "clear-two.png": _draw(_TWO, "RGBA", paper=(0, 0, 0, 0), ink=(0, 0, 0, 255)),
    }
    stored = loading.load_model()
    interpreter = open_model(stored)
    answers = {}
    for name, image in pictures.items():
        path = _DATA / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        image.save(path, optimize=True)
        raw = interpreter.raw_output(preprocess(path).pixels)
        answers[name] = {"digit": int(raw.argmax()), "raw": raw.tolist()}
    document = {"model": stored.sha256, "runtime": describe_runtime(), "answers": answers}
    write_json(_DATA / "golden.json", document)


def _draw(strokes: list[list[tuple[int, int]]], mode: str, *, paper: Any, ink: Any) -> Image.Image:
    width, height = 72, 64
    page = Image.new(mode, (width * _SCALE, height * _SCALE), paper)
    pen = ImageDraw.Draw(page)
    for stroke in strokes:
        points = [(x * _SCALE, y * _SCALE) for x, y in stroke]
        pen.line(points, fill=ink, width=5 * _SCALE, joint="curve")
    return page.resize((width, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
