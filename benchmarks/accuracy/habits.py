"""Measure how models read digits in habits that MNIST's writers had little of.

    python -m benchmarks.accuracy.habits
    python -m benchmarks.accuracy.habits models/edge runs/mine --scheme float32

The digits are drawn stroke by stroke (`mnist_edge/training/habits.py`) with a seed that no training
uses, and go straight to the model, as 28x28 pixels. An answer counts as withheld if its confidence
is below the threshold in the model's manifest.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import shipped
from mnist_edge import Classifier
from mnist_edge.modelstore import SCHEMES
from mnist_edge.training.habits import HABITS, draw_habits

SEED = 1_000_003
"""Of the digits: recipes draw theirs with small ones."""


@dataclass(frozen=True, kw_only=True)
class HabitRow:
    """A model over the digits of one habit; shares are 0..1."""

    habit: str
    right: float
    wrong: float
    """Answered with another digit."""


def measure(folder: Path, scheme: str, count: int) -> list[HabitRow]:
    """Read ``count`` digits of each habit."""
    classifier = Classifier(folder, scheme=scheme)
    rows = []
    for name, habit in HABITS.items():
        drawn = draw_habits(count, seed=SEED, habits=[name])
        answers = [one.digit for one in classifier.predict_pixels(drawn.images)]
        right = sum(answer == habit.digit for answer in answers)
        withheld = sum(answer is None for answer in answers)
        rows.append(
            HabitRow(habit=name, right=right / count, wrong=(count - right - withheld) / count)
        )
    return rows


def table(models: Mapping[str, Sequence[HabitRow]]) -> str:
    """Format the rows as text, the models side by side."""
    lines = [" ".join([f"{'':<12}", *(f"{f'{name}: right, wrong':>24}" for name in models)])]
    for rows in zip(*models.values(), strict=True):
        cells = (f"{100 * row.right:>14.1f} %{100 * row.wrong:>6.1f} %" for row in rows)
        lines.append(" ".join([f"{rows[0].habit:<12}", *cells]))
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(description="How models read digits in unusual habits.")
    parser.add_argument(
        "models", nargs="*", type=Path, help="model folders (default: the shipped ones)"
    )
    parser.add_argument("--count", type=int, default=400, help="digits of each habit")
    parser.add_argument("--scheme", choices=SCHEMES, default="int8")
    chosen = parser.parse_args()
    folders = chosen.models or shipped.folders()
    models = {
        folder.resolve().name: measure(folder, chosen.scheme, chosen.count) for folder in folders
    }
    print(table(models))
    print(f"{chosen.count} digits a habit, seed {SEED}, {chosen.scheme}")
    print(shipped.told(shipped.setting()))


if __name__ == "__main__":
    _main()
