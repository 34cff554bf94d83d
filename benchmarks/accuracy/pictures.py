"""Measure how well hard pictures are read, by condition and severity.

    python -m benchmarks.accuracy.pictures
    python -m benchmarks.accuracy.pictures --count 100 --dev digits-dev
    python -m benchmarks.accuracy.pictures --figure benchmarks/accuracy/pictures.png

Three front ends are compared: the usual recipe (gray, inverted, resized), a careful recipe
(contrast stretched, ink told from paper by the border), and the project's own. A digit counts as
read if the answer is right and not withheld. For pictures that do not show exactly one digit (a
number, a page, nothing) the share that was answered with one digit is given: lower is better.
These are then read again with every digit in them: whole is the share of pictures without a
mistake, silent the share with a mistake and no ``?``, right the share of digits.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.accuracy.hard_pictures.conditions import CONDITIONS, SEVERITIES, HardPicture, make
from mnist_edge import Classifier
from mnist_edge.preprocessing.pipeline import trace_preprocessing

SEVERAL = ("number", "page", "tight-row", "edge-row", "two-sizes", "table", "note-rows")
"""Conditions whose pictures are of several digits."""
NONE = ("nothing", "empty-cell")
"""Conditions whose pictures are of no digit."""
NOT_ONE = (*SEVERAL, *NONE)
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


@dataclass(frozen=True, kw_only=True)
class TextRow:
    """Pictures of several digits under one condition, every digit read."""

    condition: str
    severity: int
    pictures: int
    digits: int
    """In all the pictures."""
    whole: float
    """Share of the pictures, 0..1, read without a mistake; of pictures of no digit, without one."""
    silent: float
    """Share of the pictures, 0..1, that were misread without a ``?`` in the text."""
    right: float | None
    """Share of the digits, 0..1: one less what is to be changed, left out and put in; None where
    there are none."""


def recipe(image: Image.Image) -> NDArray[np.uint8]:
    """Convert to gray, invert and resize, as most tutorials do."""
    return np.asarray(ImageOps.invert(image.convert("L")).resize((28, 28)))


def careful(image: Image.Image) -> NDArray[np.uint8]:
    """Do the same with contrast stretched, and invert only if the border is light."""
    stretched = ImageOps.autocontrast(image.convert("L"))
    gray = np.asarray(stretched)
    border = np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1]))
    dark_ink = np.median(border) > 127
    return np.asarray((ImageOps.invert(stretched) if dark_ink else stretched).resize((28, 28)))


def measure(
    classifier: Classifier, condition: str, severity: int | None, pictures: Iterable[HardPicture]
) -> Row:
    """Read every picture in each of the three ways."""
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


def measure_texts(
    classifier: Classifier, condition: str, severity: int, pictures: Iterable[HardPicture]
) -> TextRow:
    """Read every digit of every picture."""
    truths, texts = [], []
    for picture in pictures:
        truths.append(picture.truth or "")
        texts.append(classifier.predict_all(picture.image).text.replace("\n", ""))
    if condition in NONE:
        # Where there is no digit, a ``?`` claims none.
        texts = [text.replace("?", "") for text in texts]
    errors = [distance(text, truth) for text, truth in zip(texts, truths, strict=True)]
    digits = sum(map(len, truths))
    silent = sum(error > 0 and "?" not in text for error, text in zip(errors, texts, strict=True))
    return TextRow(
        condition=condition,
        severity=severity,
        pictures=len(truths),
        digits=digits,
        whole=sum(not error for error in errors) / len(errors),
        silent=silent / len(errors),
        right=1 - sum(errors) / digits if digits else None,
    )


def distance(answer: str, truth: str) -> int:
    """Count digits to change, delete and insert (V. Levenshtein, 1966)."""
    row = list(range(len(truth) + 1))
    for count, one in enumerate(answer, start=1):
        corner, row[0] = row[0], count
        for column, other in enumerate(truth, start=1):
            changed = corner + (one != other)
            corner = row[column]
            row[column] = min(changed, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def developers_pictures(folder: Path) -> Iterator[tuple[str, list[HardPicture]]]:
    """Yield sets of real pictures: those of ``labels.csv`` by folder, then each ``.npz``."""
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
    """Format the rows as text, at most 80 columns wide."""
    head = f"{'condition':<14}{'severity':>8}{'n':>6}"
    lines = [f"{head}{'recipe':>12}{'careful':>12}{'project':>12}{'abstained':>12}"]
    for row in rows:
        severity = "" if row.severity is None else str(row.severity)
        shares = (row.recipe, row.careful, row.project, row.abstained)
        figures = "".join(f"{f'{100 * share:.1f} %':>12}" for share in shares)
        lines.append(f"{row.condition:<14}{severity:>8}{row.pictures:>6}{figures}")
    return "\n".join(lines)


def text_table(rows: list[TextRow]) -> str:
    """Format the rows as text, at most 80 columns wide."""
    head = f"{'condition':<14}{'severity':>8}{'n':>6}{'digits':>8}"
    lines = [f"{head}{'whole':>12}{'silent':>12}{'right':>12}"]
    for row in rows:
        shares = "".join(
            f"{'-' if share is None else f'{100 * share:.1f} %':>12}"
            for share in (row.whole, row.silent, row.right)
        )
        counts = f"{row.severity:>8}{row.pictures:>6}{row.digits:>8}"
        lines.append(f"{row.condition:<14}{counts}{shares}")
    return "\n".join(lines)


def figure(classifier: Classifier, seed: int) -> Image.Image:
    """Draw a picture of each condition with the model's input and answer.

    Pictures of several digits show their boxes.
    """
    across, wide, high = 5, 250, 190
    down = -(-len(CONDITIONS) // across)
    sheet = Image.new("RGB", (across * wide, down * high), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for place, condition in enumerate(CONDITIONS):
        left, top = place % across * wide + 5, place // across * high
        (picture,) = make(condition, 2, 1, seed)
        read = _read_all if condition in SEVERAL else _read_one
        image, said = read(classifier, picture.image)
        sheet.paste(image, (left, top + 28))
        pen.text((left, top + 6), f"{condition}: {said}", fill="black", font=font)
    return sheet


def _read_one(classifier: Classifier, image: Image.Image) -> tuple[Image.Image, str]:
    """Draw a picture beside the model's input, and return it with the answer."""
    decision = classifier.decide(trace_preprocessing(image))
    both = Image.new("RGB", (240, 152), "white")
    both.paste(ImageOps.contain(image.convert("RGB"), (150, 152)), (0, 0))
    pixels = decision.chosen.trace.pixels
    both.paste(Image.fromarray(pixels).resize((84, 84), Image.Resampling.NEAREST), (154, 0))
    prediction = decision.prediction
    if prediction.digit is None:
        return both, f"- ({prediction.abstained})"
    return both, f"{prediction.digit} ({100 * prediction.confidence:.0f} %)"


def _read_all(classifier: Classifier, image: Image.Image) -> tuple[Image.Image, str]:
    """Draw a box around each digit read; return the drawing and the first line of text."""
    page = classifier.predict_all(image)
    fitted = ImageOps.contain(image.convert("RGB"), (240, 152))
    pen = ImageDraw.Draw(fitted)
    enlarged = fitted.width / image.width
    for digit in page.digits:
        left, top, right, bottom = (enlarged * edge for edge in digit.box)
        pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=(220, 50, 20))
    first, *more = page.text.split("\n")
    return fitted, f"{first} ..." if more else first


def _digit_of(classifier: Classifier, pixels: NDArray[np.uint8]) -> str | None:
    return _text(classifier.predict_pixels(pixels[np.newaxis])[0].digit)


def _text(digit: int | None) -> str | None:
    return None if digit is None else str(digit)


def _real(image: Image.Image, truth: str) -> HardPicture:
    return HardPicture(image=image, truth=truth, condition="real", severity=1)


def _main() -> None:
    parser = argparse.ArgumentParser(description="How well hard pictures are read.")
    parser.add_argument("--count", type=int, default=30, help="pictures per condition and severity")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dev", type=Path, help="a folder of real pictures with labels.csv")
    parser.add_argument(
        "--figure", type=Path, help="draw examples into a file, and measure nothing"
    )
    parser.add_argument("--json", type=Path, help="a file for the rows")
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    chosen = parser.parse_args()
    classifier = Classifier("edge")
    if chosen.figure is not None:
        figure(classifier, chosen.seed).quantize(128).save(chosen.figure, optimize=True)
        return
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
    texts = [
        measure_texts(
            classifier, condition, severity, make(condition, severity, chosen.count, chosen.seed)
        )
        for condition in NOT_ONE
        if condition in chosen.only
        for severity in SEVERITIES
    ]
    if texts:
        print(f"\nevery digit read:\n{text_table(texts)}")
    if chosen.json is not None:
        text = json.dumps([*map(asdict, rows), *map(asdict, texts)], indent=2) + "\n"
        chosen.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
