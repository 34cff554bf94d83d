"""Draw the pictures of ``docs/images/``: generated photos, and how the program reads each.

    python -m docs.draw_examples

``benchmarks/accuracy/hard_pictures`` makes the photos from digits of MNIST's training split. The
drawings beside them are those of ``mnist-edge predict --explain``, reduced to 64 colors. The rows
of ``limits.png`` are those of ``benchmarks/accuracy/limits.py``; ``hand.png`` is drawn by the
generator of habits.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy.hard_pictures.conditions import make
from benchmarks.accuracy.limits import figure
from mnist_edge import Classifier
from mnist_edge.training.habits import draw_habits

FOLDER = Path(__file__).parent / "images"
COLORS = 64
"""Colors of a drawing, which keep it small."""
LARGEST_DRAWING = (1220, 520)
"""Width and height of a drawing, in pixels."""
LONGEST_SIDE = 640
"""Largest width and height of a photo, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One generated photo."""

    name: str
    """Name of the file, without its suffix."""
    condition: str
    """One of the generator's conditions."""
    severity: int
    """1 mild, 2 usual, 3 hard."""
    index: int
    """Which of the pictures of seed 1."""
    options: tuple[str, ...] = ()
    """Options of ``predict``."""


EXAMPLES = (
    Example(name="photo", condition="squared", severity=3, index=2),
    Example(name="shadow", condition="light", severity=3, index=0),
    Example(name="cell", condition="cell", severity=3, index=2),
    Example(name="board", condition="board", severity=2, index=0),
    Example(name="card", condition="note", severity=2, index=4),
    Example(name="number", condition="number", severity=2, index=0, options=("--all",)),
    Example(name="page", condition="page", severity=1, index=0, options=("--all",)),
)


def draw_hand() -> None:
    """Write six pictures of the writer of the tutorial on teaching, side by side."""
    hand = draw_habits(6, seed=5, habits=["square 6", "square 9"])
    paper = [235 - 0.8 * np.kron(np.pad(one, 8), np.ones((3, 3))) for one in hand.images]
    Image.fromarray(np.hstack(paper).astype(np.uint8)).save(FOLDER / "hand.png", optimize=True)


def main() -> None:
    """Write every photo and its drawing."""
    draw_hand()
    FOLDER.mkdir(exist_ok=True)
    for example in EXAMPLES:
        *_, picture = make(example.condition, example.severity, example.index + 1, seed=1)
        photo = FOLDER / f"{example.name}.jpg"
        image = picture.image.convert("RGB")
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        image.save(photo, quality=85)
        drawing = FOLDER / f"{example.name}-explained.png"
        command = ["predict", str(photo), *example.options, "--explain", str(drawing)]
        subprocess.run([sys.executable, "-m", "mnist_edge", *command], check=True)
        with Image.open(drawing) as drawn:
            small = drawn.convert("RGB")
        small.thumbnail(LARGEST_DRAWING)
        small.quantize(COLORS, dither=Image.Dither.NONE).save(drawing, optimize=True)
    limits = figure(Classifier(), seed=0).quantize(COLORS, dither=Image.Dither.NONE)
    limits.save(FOLDER / "limits.png", optimize=True)


if __name__ == "__main__":
    main()
