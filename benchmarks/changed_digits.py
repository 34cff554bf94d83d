# ruff: noqa: INP001  # scripts, not a package
"""How many validation digits models misread, as they are and each changed five times.

    python benchmarks/changed_digits.py
    python benchmarks/changed_digits.py models/edge runs/mine --scheme float32

Of the 5,000 digits as they are, good models misread so few that chance hides which is better. They
are harder, and there are five times as many, turned, warped and with other pens, as training digits
are by `mnist_edge.training.augmentation.rewritten`. What one model misreads of those is compared
with the first's: the 95 % interval takes the five changes of a digit for one observation. No test
digit is read, so that a network may be chosen by this.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shipped
from numpy.typing import NDArray

from mnist_edge import Classifier, dataset
from mnist_edge.dataset import Digits
from mnist_edge.modelstore import SCHEMES
from mnist_edge.training.augmentation import rewritten

SEED = 77
"""Of the changes."""
CHANGES = 5
"""Times that each digit is changed."""
_Z = 1.96
"""Standard deviations either side of a mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model's mistakes."""

    model: str
    plain: NDArray[np.bool_]
    """``(n,)``, whether each digit as it is was misread."""
    changed: NDArray[np.bool_]
    """``(CHANGES, n)``, the same of the changed ones."""


def change(digits: Digits, *, seed: int = SEED) -> NDArray[np.uint8]:
    """``(CHANGES, n, 28, 28)``, each digit changed anew each time."""
    random = np.random.RandomState(seed)
    return np.stack([rewritten(digits, random) for _ in range(CHANGES)])


def measure(folder: Path, scheme: str, digits: Digits, changed: NDArray[np.uint8]) -> Row:
    """Reads the digits as they are and changed; what is unsure counts by its likeliest digit."""
    classifier = Classifier(folder, scheme=scheme, min_confidence=0.0)

    def misread(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        answers = [int(np.argmax(one.probabilities)) for one in classifier.predict_pixels(images)]
        return np.asarray(np.array(answers) != digits.labels)

    return Row(
        model=folder.resolve().name,
        plain=misread(digits.images),
        changed=np.stack([misread(images) for images in changed]),
    )


def difference(row: Row, other: Row) -> tuple[int, float]:
    """How many more changed digits ``row`` misreads than ``other``, and half its 95 % interval."""
    each = row.changed.sum(axis=0) - other.changed.sum(axis=0).astype(float)
    return round(each.sum()), _Z * float(each.std(ddof=1)) * len(each) ** 0.5


def table(rows: Sequence[Row]) -> str:
    """The rows as text, each but the first compared with it."""
    plain, changed = rows[0].plain.size, rows[0].changed.size
    heads = (f"of {plain:,}", f"of {changed:,} changed", "more than the first")
    lines = ["{:<14}{:>12}{:>20}{:>26}".format("misread", *heads)]
    for row in rows:
        more, half = difference(row, rows[0])
        compared = (
            f"{more:+d} ({more - half:+.0f} to {more + half:+.0f})" if row is not rows[0] else ""
        )
        lines.append(
            f"{row.model:<14}{row.plain.sum():>12}{row.changed.sum():>20}{compared:>26}".rstrip()
        )
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Misread validation digits, plain and changed.")
    parser.add_argument("models", nargs="*", type=Path, help="model folders; else the shipped ones")
    parser.add_argument("--scheme", choices=SCHEMES, default="int8")
    chosen = parser.parse_args()
    digits = dataset.load().validation
    changed = change(digits)
    folders = chosen.models or shipped.folders()
    print(table([measure(folder, chosen.scheme, digits, changed) for folder in folders]))
    print(f"{chosen.scheme}; {shipped.told(shipped.setting())}")


if __name__ == "__main__":
    _main()
