"""Count misread validation digits, as they are and each changed five times.

    python -m benchmarks.accuracy.changed_digits
    python -m benchmarks.accuracy.changed_digits models/edge runs/mine --scheme float32
    python -m benchmarks.accuracy.changed_digits --by nudged

Good models misread so few of the 5,000 digits as they are that chance hides which is better.
Changing each digit five times gives five times as many: `distorted`, harder, turned, warped and
with other pens as training digits are by `mnist_edge.training.augmentation.distorted`; or `nudged`,
turned, scaled and moved by so little that they are still MNIST's. What one model misreads of those
is compared with the first's: the 95 % interval takes the five changes of a digit for one
observation. No test digit is read, so that a network may be chosen by this.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import shipped
from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits, load_mnist
from mnist_edge.modelstore import SCHEMES
from mnist_edge.training.augmentation import distorted

SEED = 77
"""Of the changes."""
CHANGES = 5
"""Times that each digit is changed."""
_TURN, _SCALE, _SHIFT = np.deg2rad(5.0), 0.05, 0.7
"""What `nudged` turns a digit by at most, in radians, the share by which it grows or shrinks at
most, and the pixels that it is moved each way at most."""
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


def nudged(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Change each digit as its writer might have written it again: ``(n, 28, 28)``."""
    images = digits.images
    count, (height, width) = len(images), images.shape[1:]
    turn = random.uniform(-_TURN, _TURN, count)
    scale = random.uniform(1 - _SCALE, 1 + _SCALE, count)
    along, across = np.cos(turn) / scale, np.sin(turn) / scale
    right, down = random.uniform(-_SHIFT, _SHIFT, (2, count))
    # Pillow asks where each pixel of the result comes from: the middle, moved, is the middle's.
    x, y = width / 2 + right, height / 2 + down
    from_x = width / 2 - along * x + across * y
    from_y = height / 2 - across * x - along * y
    changed = np.empty_like(images)
    for index, row in enumerate(np.stack((along, -across, from_x, across, along, from_y), axis=1)):
        changed[index] = Image.fromarray(images[index]).transform(
            (width, height), Image.Transform.AFFINE, row.tolist(), Image.Resampling.BILINEAR
        )
    return changed


CHANGE: dict[str, Callable[[Digits, np.random.RandomState], NDArray[np.uint8]]] = {
    way.__name__: way for way in (distorted, nudged)
}
"""How digits are changed, by name."""


def change(digits: Digits, by: str, *, seed: int = SEED) -> NDArray[np.uint8]:
    """Change each digit ``CHANGES`` times: ``(CHANGES, n, 28, 28)``; ``by`` is in ``CHANGE``."""
    random = np.random.RandomState(seed)
    return np.stack([CHANGE[by](digits, random) for _ in range(CHANGES)])


def measure(folder: Path, scheme: str, digits: Digits, changed: NDArray[np.uint8]) -> Row:
    """Read the digits as they are and changed; an unsure answer counts by its likeliest digit."""
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
    """Return how many more changed digits ``row`` misreads, and half the 95 % interval."""
    each = row.changed.sum(axis=0) - other.changed.sum(axis=0).astype(float)
    return round(each.sum()), _Z * float(each.std(ddof=1)) * len(each) ** 0.5


def table(rows: Sequence[Row], by: str) -> str:
    """Format the rows as text, each compared with the first; ``by`` is what changed them."""
    plain, changed = rows[0].plain.size, rows[0].changed.size
    heads = (f"of {plain:,}", f"of {changed:,} {by}", "more than the first")
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
    parser.add_argument(
        "models", nargs="*", type=Path, help="model folders (default: the shipped ones)"
    )
    parser.add_argument("--by", choices=CHANGE, default=distorted.__name__, help="what is done")
    parser.add_argument("--scheme", choices=SCHEMES, default="int8")
    chosen = parser.parse_args()
    digits = load_mnist().validation
    changed = change(digits, chosen.by)
    folders = chosen.models or shipped.folders()
    rows = [measure(folder, chosen.scheme, digits, changed) for folder in folders]
    print(table(rows, chosen.by))
    print(f"{chosen.scheme}; {shipped.told(shipped.setting())}")


if __name__ == "__main__":
    _main()
