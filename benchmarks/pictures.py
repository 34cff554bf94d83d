# ruff: noqa: INP001  # scripts, not a package
"""How well hard pictures are read, by condition and severity.

    python benchmarks/pictures.py
    python benchmarks/pictures.py --count 100 --dev digits-dev

Three ways to the model's pixels are compared: the usual recipe (grey, inverted, resized), the
recipe with care (contrast stretched, ink told from paper by the border), and the project's own.
A digit counts as read if it is right and not abstained. Where there is not one digit, but a number,
a page of them or none, the share that was answered with one is given: lower is better.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from hard_pictures import CONDITIONS, SEVERITIES, HardPicture, make
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_edge import Classifier

NOT_ONE = ("number", "page", "nothing")
"""Conditions whose pictures are not of one digit."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Shares of the pictures under one condition, 0..1."""

    condition: str
    severity: int | None
    pictures: int
    recipe: float
    careful: float
    project: float
    abstained: float
    """By the project's own way."""


def recipe(image: Image.Image) -> NDArray[np.uint8]:
    """Grey, inverted, resized: what most tutorials do."""
    return np.asarray(ImageOps.invert(image.convert("L")).resize((28, 28)))


def careful(image: Image.Image) -> NDArray[np.uint8]:
    """The same with contrast stretched, and inverted only where the border is light."""
    stretched = ImageOps.autocontrast(image.convert("L"))
    grey = np.asarray(stretched)
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    dark_ink = np.median(border) > 127
    return np.asarray((ImageOps.invert(stretched) if dark_ink else stretched).resize((28, 28)))


def measure(
    classifier: Classifier, condition: str, severity: int | None, pictures: Iterable[HardPicture]
) -> Row:
    """Reads every picture in each way."""
    truths, answers = [], []
    for picture in pictures:
        truths.append(None if condition in NOT_ONE else picture.truth)
        answers.append(
            (
                *(_digit_of(classifier, way(picture.image)) for way in (recipe, careful)),
                _text(classifier.predict(picture.image).digit),
            )
        )

    def share(count: int) -> float:
        return count / len(truths)

    def counted(way: int) -> float:
        return share(
            sum(
                answer[way] == truth if truth is not None else answer[way] is not None
                for answer, truth in zip(answers, truths, strict=True)
            )
        )

    return Row(
        condition=condition,
        severity=severity,
        pictures=len(truths),
        recipe=counted(0),
        careful=counted(1),
        project=counted(2),
        abstained=share(sum(answer[2] is None for answer in answers)),
    )


def developers_pictures(folder: Path) -> Iterator[tuple[str, list[HardPicture]]]:
    """Sets of real pictures: those of ``labels.csv`` by their folder, then each ``.npz``."""
    sets: dict[str, list[HardPicture]] = {}
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            path = Path(line["path"])
            with Image.open(folder / path) as opened:
                picture = _real(ImageOps.exif_transpose(opened), line["label"])
            sets.setdefault(path.parts[0], []).append(picture)
    yield from sets.items()
    for archive in sorted(folder.glob("*.npz")):
        with np.load(archive) as arrays:
            digits = zip(arrays["x"], arrays["y"], strict=True)
            yield archive.stem, [_real(Image.fromarray(x), str(y)) for x, y in digits]


def table(rows: list[Row]) -> str:
    """The rows as text, at most 80 columns wide."""
    head = f"{'condition':<14}{'severity':>8}{'n':>6}"
    lines = [f"{head}{'recipe':>12}{'careful':>12}{'project':>12}{'abstained':>12}"]
    for row in rows:
        severity = "" if row.severity is None else str(row.severity)
        shares = (row.recipe, row.careful, row.project, row.abstained)
        figures = "".join(f"{f'{100 * share:.1f} %':>12}" for share in shares)
        lines.append(f"{row.condition:<14}{severity:>8}{row.pictures:>6}{figures}")
    return "\n".join(lines)


def _digit_of(classifier: Classifier, pixels: NDArray[np.uint8]) -> str | None:
    return _text(classifier.predict_pixels(pixels[np.newaxis])[0].digit)


def _text(digit: int | None) -> str | None:
    return None if digit is None else str(digit)


def _real(image: Image.Image, truth: str) -> HardPicture:
    return HardPicture(image=image, truth=truth, condition="real", severity=1)


def _main() -> None:
    parser = argparse.ArgumentParser(description="How well hard pictures are read.")
    parser.add_argument("--count", type=int, default=30, help="pictures a condition and severity")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dev", type=Path, help="a folder of real pictures with labels.csv")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    chosen = parser.parse_args()
    classifier = Classifier()
    rows = [
        measure(
            classifier, condition, severity, make(condition, severity, chosen.count, chosen.seed)
        )
        for condition in chosen.only
        for severity in SEVERITIES
    ]
    if chosen.dev is not None:
        rows += [
            measure(classifier, name, None, pictures)
            for name, pictures in developers_pictures(chosen.dev)
        ]
    print(table(rows))
    print(f"{', '.join(NOT_ONE)}: the share answered with one digit; all else: the share read")
    if chosen.json is not None:
        text = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
        chosen.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
