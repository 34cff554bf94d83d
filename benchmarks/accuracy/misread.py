"""Draw every test digit that a released model misreads into one picture.

    python -m benchmarks.accuracy.misread --model models/edge --out models/edge/misread.png
    python -m benchmarks.accuracy.misread --model models/edge --markdown

For released models only: it reads MNIST's 10,000 test digits, and looking at those while a model is
still being chosen tunes it to them.

The int8 file answers at any confidence, so the count agrees with its accuracy; the title says how
many of them its threshold would have withheld. The most confident comes first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits, load_test_digits
from mnist_edge.modelstore import DEFAULT_MODEL
from mnist_edge.system.text import markdown_table

_ACROSS = 8
"""Digits in a row."""
_ENLARGED = 3
"""Pixels of the picture to one of a digit's."""
_CELL = (128, 142)
"""Width and height, in pixels, of a digit with its two lines of text."""
_MARGIN = 12
_HEAD = 40
"""Pixels above the first row, for the title."""
_TEXT, _FAINT, _FRAME = 30, 90, 200
"""Gray levels of text, of small text, and of the line around a digit."""


@dataclass(frozen=True, kw_only=True)
class Misread:
    """A digit that was taken for another."""

    index: int
    """Where it stands among the test digits, from 0."""
    label: int
    answer: int
    confidence: float
    """Calibrated probability of the answer, 0..1."""
    withheld: bool
    """Whether the model's own threshold would have given no answer."""


def misread(classifier: Classifier, digits: Digits) -> list[Misread]:
    """Return the digits that a model misreads, the most confident first."""
    found = []
    for index, prediction in enumerate(classifier.predict_pixels(digits.images)):
        [(answer, confidence)] = prediction.top(1)
        label = int(digits.labels[index])
        if answer != label:
            found.append(
                Misread(
                    index=index,
                    label=label,
                    answer=answer,
                    confidence=confidence,
                    withheld=prediction.digit is None,
                )
            )
    return sorted(found, key=lambda one: (-one.confidence, one.index))


def summary(found: Sequence[Misread], digits: Digits, *, model: str, threshold: float) -> str:
    """Summarize the mistakes in one line."""
    withheld = sum(one.withheld for one in found)
    return (
        f"{model}: {len(found)} of {len(digits):,} test digits misread, {withheld} of them below "
        f"its threshold of {_percent(threshold)}"
    )


def sheet(found: Sequence[Misread], digits: Digits, *, title: str) -> Image.Image:
    """Draw all of them in rows, dark ink on white, under a title."""
    wide, high = _CELL
    rows = -(-len(found) // _ACROSS)
    picture = Image.new("L", (2 * _MARGIN + _ACROSS * wide, _HEAD + rows * high + _MARGIN), 255)
    pen = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(17), ImageFont.load_default(14)
    pen.text((_MARGIN, _MARGIN), title, fill=_TEXT, font=large)
    for place, one in enumerate(found):
        left, top = _MARGIN + place % _ACROSS * wide, _HEAD + place // _ACROSS * high
        ink = Image.fromarray(np.uint8(255) - digits.images[one.index])
        side = _ENLARGED * ink.width
        picture.paste(ink.resize((side, side), Image.Resampling.NEAREST), (left + 1, top + 1))
        pen.rectangle((left, top, left + side + 1, top + side + 1), outline=_FRAME)
        caption = f"{one.label} read as {one.answer}"
        pen.text((left, top + side + 5), caption, fill=_TEXT, font=large)
        where = f"no. {one.index}, {_percent(one.confidence)}"
        pen.text((left, top + side + 27), where, fill=_FAINT, font=small)
    return picture


def markdown(found: Sequence[Misread]) -> str:
    """Format all of them as a Markdown table."""
    return markdown_table(
        ("test digit", "label", "answer", "confidence"),
        [
            [str(one.index), str(one.label), str(one.answer), _percent(one.confidence)]
            for one in found
        ],
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _main() -> None:
    parser = argparse.ArgumentParser(description="The test digits that a model misreads.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a shipped model, or a folder")
    parser.add_argument("--out", type=Path, help="a PNG to draw them into")
    parser.add_argument("--markdown", action="store_true", help="print them as a Markdown table")
    chosen = parser.parse_args()
    classifier = Classifier(chosen.model)
    digits = load_test_digits()
    found = misread(classifier, digits)
    title = summary(found, digits, model=classifier.model.name, threshold=classifier.min_confidence)
    print(title)
    if chosen.markdown:
        print(f"\n{markdown(found)}")
    if chosen.out is not None:
        sheet(found, digits, title=title).save(chosen.out, optimize=True)


if __name__ == "__main__":
    _main()
