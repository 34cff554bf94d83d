"""Lessons for fine-tuning, drawn by this project's own generator of habits."""

from __future__ import annotations

import numpy as np

from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore.manifest import Lineage, OperatingPoints
from mnist_edge.training.fine_tuning_run import Lesson
from mnist_edge.training.habits import draw_habits

HABITS = ("square 6", "square 9")
"""The habits of the writer, which the shipped models misread often."""
LINEAGE = Lineage(
    parent="micro",
    parent_weights_sha256="ab" * 32,
    pictures=40,
    first_taken="2026-11-01",
    last_taken="2026-11-27",
)


def lesson(*, watched: int = 0) -> Lesson:
    """Return a lesson of forty digits, of which some are watched."""
    drawn = draw_habits(40, seed=11, habits=HABITS)
    return Lesson(
        name="micro-taught",
        learned=drawn.take(np.arange(watched, 40)),
        watched=drawn.take(np.arange(watched)),
        lineage=LINEAGE,
        parent_points=OperatingPoints(balanced=0.5, careful=0.9),
        sha256=("cd" * 32,),
    )


def later_digits(count: int) -> Digits:
    """Return other digits of the same writer."""
    return draw_habits(count, seed=12, habits=HABITS)
