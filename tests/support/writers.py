"""A writer's pictures, drawn by this project's own generator of habits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mnist_edge.data.mnist import Digits
from mnist_edge.training.habits import draw_habits


def draw_pictures(folder: Path, digits: Digits, *, first: int = 0) -> list[Path]:
    """Draw digits as dark ink on light paper into sub-folders named after their labels."""
    random = np.random.RandomState(first)
    drawn = []
    for number, (pixels, label) in enumerate(
        zip(digits.images, digits.labels, strict=True), start=first
    ):
        ink = np.kron(np.pad(pixels, 8), np.ones((3, 3)))
        paper = np.clip(235 - 0.8 * ink + random.normal(0, 3, ink.shape), 0, 255)
        path = folder / str(label) / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paper.astype(np.uint8)).save(path)
        drawn.append(path)
    return drawn


def squares(count: int, *, seed: int) -> Digits:
    """Return 6s and 9s of straight lines, which the shipped models misread often."""
    return draw_habits(count, seed=seed, habits=("square 6", "square 9"))
