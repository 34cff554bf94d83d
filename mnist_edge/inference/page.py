"""Read pages: every digit of a picture, in lines, each with its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.handwriting import Removal, find_handwriting
from mnist_edge.preprocessing.pipeline import PreprocessingTrace, normalize_digit
from mnist_edge.preprocessing.segmentation import TextLine, segment_lines

_LINE_LIKE = (1, 7)
"""Digits that the line of a border may be read as."""
_MIN_CERTAIN = 1 / 3
"""Minimum share of other digits among those that an alternative reading of a page adds."""


@dataclass(frozen=True, kw_only=True)
class FoundDigit:
    """One digit of a page."""

    prediction: Prediction
    """Which digit it is; the classifier may abstain."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom in pixels of the picture; right and bottom are exclusive."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """All the digits of a picture."""

    lines: tuple[tuple[FoundDigit, ...], ...]
    """The lines from top to bottom, with the digits of each from left to right."""

    @property
    def digits(self) -> tuple[FoundDigit, ...]:
        """The digits of all lines, in reading order."""
        return tuple(digit for line in self.lines for digit in line)

    @property
    def text(self) -> str:
        """The digits as text, a line per line of the page, ``?`` where the classifier abstains."""
        return "\n".join(
            "".join("?" if d.prediction.digit is None else str(d.prediction.digit) for d in line)
            for line in self.lines
        )

    def without_abstention(self) -> Page:
        """Return a copy that has the most probable digit wherever the classifier abstained."""
        return Page(
            lines=tuple(
                tuple(
                    replace(digit, prediction=digit.prediction.without_abstention())
                    for digit in line
                )
                for line in self.lines
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the page as ``mnist-edge predict --all --format json`` writes it.

        Returns:
            ``digits``, a list of objects with ``digit``, ``confidence``, ``abstained`` if the
            classifier abstained, ``line`` (from 1) and ``box``, and ``text``. The command line adds
            ``path`` in front.
        """
        digits = [
            {**_answer(digit.prediction), "line": number, "box": list(digit.box)}
            for number, line in enumerate(self.lines, start=1)
            for digit in line
        ]
        return {"digits": digits, "text": self.text}


def _answer(prediction: Prediction) -> dict[str, Any]:
    """Return the JSON form of a prediction without the ten probabilities."""
    document = prediction.to_dict()
    del document["probabilities"]
    return document


def read_page(trace: PreprocessingTrace, classifier: Classifier) -> Page:
    """Read every digit in a preprocessed picture.

    Args:
        trace: the result of ``trace_preprocessing`` with a ``side`` of ``PAGE_SIDE``, for digits
            that are small in the picture.
        classifier: reads each digit.
    """
    page = _read_components(trace, trace.labels, trace.components, classifier)
    # Digits of a tight row may be aligned as a border is, and one at the edge may be whole.
    for keep in _alternatives(trace.removed):
        other = find_handwriting(trace.ink_map, keep=keep)
        alternative = _read_components(trace, other.labels, other.components, classifier)
        if _reads_more(alternative, page):
            page = alternative
    if len(page.digits) == 1 and trace.digit and trace.problem is None:
        # A single digit gets the same prediction as from classify.
        single = FoundDigit(prediction=classifier.classify(trace), box=_box(trace.digit, trace))
        return Page(lines=((single,),))
    return page


def _read_components(
    trace: PreprocessingTrace,
    labels: NDArray[np.int32],
    components: Sequence[Component],
    classifier: Classifier,
) -> Page:
    labels, lines = segment_lines(labels, components)
    found = [_read_line(trace, labels, line, classifier) for line in lines]
    return Page(lines=tuple(line for line in found if line))


def _read_line(
    trace: PreprocessingTrace, labels: NDArray[np.int32], line: TextLine, classifier: Classifier
) -> tuple[FoundDigit, ...]:
    if not line.candidates:
        return ()
    components = [candidate.component for candidate in line.candidates]
    pixels = [normalize_digit(trace.ink_map, labels, one) for one in components]
    predictions = classifier.predict_pixels(np.stack(pixels))
    scores = [math.log(max(prediction.probabilities)) for prediction in predictions]
    return tuple(
        FoundDigit(prediction=predictions[index], box=_box(components[index], trace))
        for index in line.best_candidates(scores)
    )


def _alternatives(removed: frozenset[Removal]) -> list[frozenset[Removal]]:
    """Return what to keep of what was removed: each kind by itself, and all of it."""
    each: list[frozenset[Removal]] = [frozenset({kind}) for kind in sorted(removed)]
    return [*each, removed] if len(each) > 1 else each


def _reads_more(page: Page, other: Page) -> bool:
    """Check whether a page reads digits that another one lost.

    A border's line that is read as a digit is a 1 or a 7: enough of the additional digits must be
    others.
    """
    added = [one for one in page.digits if not any(_overlap(one, two) for two in other.digits)]
    certain = [one for one in added if one.prediction.digit not in (None, *_LINE_LIKE)]
    is_handwriting = bool(certain) and len(certain) >= _MIN_CERTAIN * len(added)
    return is_handwriting and _score(page) > _score(other)


def _score(page: Page) -> float:
    """Sum up how much more probable than not each digit is."""
    return sum(max(digit.prediction.probabilities) - 0.5 for digit in page.digits)


def _overlap(first: FoundDigit, second: FoundDigit) -> bool:
    """Check whether the center of one digit's box lies in the other's."""
    return _holds_center(first, second) or _holds_center(second, first)


def _holds_center(holder: FoundDigit, digit: FoundDigit) -> bool:
    left, top, right, bottom = holder.box
    x, y = (digit.box[0] + digit.box[2]) / 2, (digit.box[1] + digit.box[3]) / 2
    return left <= x < right and top <= y < bottom


def _box(component: Component, trace: PreprocessingTrace) -> tuple[int, int, int, int]:
    """Return the bounding box of a component in pixels of the original picture."""
    height, width = trace.labels.shape
    left, top = (math.floor(trace.scale * edge) for edge in (component.left, component.top))
    right, bottom = (
        min(math.ceil(trace.scale * edge), round(trace.scale * size))
        for edge, size in ((component.right, width), (component.bottom, height))
    )
    return left, top, right, bottom
