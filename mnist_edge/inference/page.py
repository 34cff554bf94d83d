"""What was read on a page: its digits in lines, each with its place, and what is no digit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from mnist_edge.inference.classifier import Prediction

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture; right and bottom are exclusive."""
LeftOutKind: TypeAlias = Literal["line", "mark", "outside"]
"""A ruled line, a border or another thing much longer than a digit; a mark, lower than one; or what
reaches in from outside, cut by the picture's edge and in line with no digit."""


@dataclass(frozen=True, kw_only=True)
class FoundDigit:
    """One digit of a page."""

    prediction: Prediction
    """Which digit it is; the classifier may abstain."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom in pixels of the picture; right and bottom are exclusive."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Something on a page that is not read as a digit."""

    kind: LeftOutKind
    """What it is taken for."""
    box: Box
    """Where it is."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """All the digits of a picture."""

    lines: tuple[tuple[FoundDigit, ...], ...]
    """The lines from top to bottom, with the digits of each from left to right."""
    left_out: tuple[LeftOut, ...] = ()
    """What is no digit, with its ``kind``, ``mark``, ``line`` or ``outside``, and its ``box``."""

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
        return replace(
            self,
            lines=tuple(
                tuple(
                    replace(digit, prediction=digit.prediction.without_abstention())
                    for digit in line
                )
                for line in self.lines
            ),
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
