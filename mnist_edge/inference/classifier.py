"""From pixels to a digit and how sure the model is of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.calibration import softmax
from mnist_edge.modelstore import loading
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.decoding import Picture
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    ModelInput,
    PreprocessingTrace,
    normalize_digit,
    preprocess,
    trace_preprocessing,
)
from mnist_edge.runtimes.interpreter import PIXELS
from mnist_edge.runtimes.sandbox import open_model

if TYPE_CHECKING:
    from mnist_edge.preprocessing.segmentation import TextLine

_TOGETHER = 256
"""Pictures that are read together: four threads then have two batches of 32 each."""

Abstention = Literal["blank", "not-one-digit", "low-confidence"]
"""Why there is no digit: the picture has no ink, or what is in it is not one digit, or the model
is less sure than it must be."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model makes of one picture."""

    digit: int | None
    """0..9, or None where the classifier abstains."""
    confidence: float
    """Calibrated probability of the likeliest digit, 0..1; 0.0 for a blank picture."""
    probabilities: tuple[float, ...]
    """One a digit, summing to 1: the model's own of a blank picture, too."""
    abstained: Abstention | None = None
    """Why there is no digit: ``blank``, ``not-one-digit`` or ``low-confidence``; None where there
    is one."""

    def top(self, count: int) -> list[tuple[int, float]]:
        """The ``count`` likeliest digits with their probabilities, the likeliest first."""
        ranked = sorted(enumerate(self.probabilities), key=lambda pair: -pair[1])
        return ranked[:count]

    def answered(self) -> Prediction:
        """The same with the likeliest digit for an answer, whatever spoke against giving one."""
        [(digit, confidence)] = self.top(1)
        return replace(self, digit=digit, confidence=confidence, abstained=None)


@dataclass(frozen=True, kw_only=True)
class FoundDigit:
    """A digit among others in a picture."""

    prediction: Prediction
    """What it is; abstained where the model is less sure than it must be."""
    box: tuple[int, int, int, int]
    """Its left, top, right and bottom, in pixels of the picture; right and bottom lie outside."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """All the digits of a picture."""

    lines: tuple[tuple[FoundDigit, ...], ...]
    """From top to bottom, each from left to right."""

    @property
    def digits(self) -> tuple[FoundDigit, ...]:
        """In the order that they are read in."""
        return tuple(digit for line in self.lines for digit in line)

    @property
    def text(self) -> str:
        """A line of text for each of writing, ``?`` for a digit that is not answered."""
        return "\n".join(
            "".join("?" if d.prediction.digit is None else str(d.prediction.digit) for d in line)
            for line in self.lines
        )

    def answered(self) -> Page:
        """The same with the likeliest digit wherever there was none."""
        return Page(
            lines=tuple(
                tuple(replace(digit, prediction=digit.prediction.answered()) for digit in line)
                for line in self.lines
            )
        )


class Classifier:
    """Reads digits with one model.

    Args:
        model: a shipped or an installed model's name, a model folder, or a ``.tflite`` file; the
            model in use on this device where it is None.
        scheme: which file of a model folder; int8 where it is None.
        pixels: what the model takes its input to mean, one of
            ``mnist_edge.runtimes.input_scaling``, for a ``.tflite`` without a manifest. Without it
            such a file is tried on MNIST's validation digits where they are at hand, and otherwise
            taken to eat raw pixels.
        min_confidence: 0..1; the classifier abstains below it. The manifest's own else, and
            without a manifest 0.0, which leaves no digit out. A blank picture has no digit at any:
            ``Prediction.answered`` gives the likeliest all the same.
        threads: how many read digits side by side, where ``predict_pixels`` is given many.

    Raises:
        InvalidValue: ``min_confidence`` is outside 0..1, or ``pixels`` is given for a model whose
            manifest says it.
        UnknownName: ``pixels`` is no reading.
        ModelError: the model is missing, damaged, or no digit model.
        MissingDependency: the runtime that was chosen is not installed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        scheme: str | None = None,
        pixels: str | None = None,
        min_confidence: float | None = None,
        threads: int = 1,
    ) -> None:
        if min_confidence is not None and not 0 <= min_confidence <= 1:
            raise InvalidValue(f"minimum confidence {min_confidence} is outside 0..1")
        self.model = loading.load_model(model, scheme=scheme)
        if min_confidence is None:
            min_confidence = self.model.min_confidence
        self.min_confidence = min_confidence
        """Calibrated probability below which it abstains, 0..1."""
        self.warning: str | None = None
        """What a user should know of the model; None where a manifest vouches for it."""
        if self.model.manifest is None:
            from mnist_edge.runtimes import unverified

            self._interpreter, self.warning = unverified.open_unverified(
                self.model, pixels=pixels, threads=threads
            )
            return
        if pixels is not None:
            raise InvalidValue(
                f"{self.model.path} has a manifest, which says that it takes raw pixels: leave "
                "--pixels out"
            )
        self._interpreter = open_model(self.model, threads=threads)

    def predict(self, picture: Picture) -> Prediction:
        """Reads the digit in a picture.

        Args:
            picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array.

        Raises:
            PictureError: the picture is missing, empty, truncated, or not an image.
        """
        return self.judge(preprocess(picture))

    def judge(self, trace: PreprocessingTrace | ModelInput) -> Prediction:
        """Reads the digit in a picture that was looked at already."""
        (prediction,) = self.predict_pixels(trace.pixels[np.newaxis])
        return _with_problem(prediction, trace)

    def judge_many(self, traces: Sequence[PreprocessingTrace | ModelInput]) -> list[Prediction]:
        """Reads the digit in each of many pictures that were looked at already, all together."""
        if not traces:
            return []
        predictions = self.predict_pixels(np.stack([trace.pixels for trace in traces]))
        return [_with_problem(*both) for both in zip(predictions, traces, strict=True)]

    def predict_many(self, pictures: Iterable[Picture]) -> Iterator[Prediction]:
        """Reads the digit in each picture, in their order, as ``predict`` does and in less time.

        Args:
            pictures: as for ``predict``; no more of them are held than are read together.

        Raises:
            PictureError: as ``predict``, at the first that cannot be read.
        """
        remaining = iter(pictures)
        while chunk := [preprocess(picture) for picture in islice(remaining, _TOGETHER)]:
            yield from self.judge_many(chunk)

    def predict_all(self, picture: Picture) -> Page:
        """Reads every digit in a picture: a number, or lines of them.

        Digits that touch are parted where the model is surer of the parts than of the whole.

        Args:
            picture: as for ``predict``.

        Raises:
            PictureError: as ``predict``.
        """
        return self.judge_all(trace_preprocessing(picture, side=PAGE_SIDE))

    def judge_all(self, trace: PreprocessingTrace) -> Page:
        """Reads every digit in a picture that was looked at already."""
        from mnist_edge.preprocessing.segmentation import segment_lines

        labels, lines = segment_lines(trace.labels, trace.components)
        found = [self._read_line(trace, labels, line) for line in lines]
        page = Page(lines=tuple(line for line in found if line))
        if len(page.digits) == 1 and trace.digit and trace.problem is None:
            # One digit is read as it is where no other is looked for.
            one = FoundDigit(prediction=self.judge(trace), box=_box(trace.digit, trace))
            return Page(lines=((one,),))
        return page

    def _read_line(
        self, trace: PreprocessingTrace, labels: NDArray[np.int32], line: TextLine
    ) -> tuple[FoundDigit, ...]:
        if not line.candidates:
            return ()
        pieces = [candidate.piece for candidate in line.candidates]
        pixels = np.stack([normalize_digit(trace.ink_map, labels, piece) for piece in pieces])
        predictions = self.predict_pixels(pixels)
        scores = [math.log(max(prediction.probabilities)) for prediction in predictions]
        return tuple(
            FoundDigit(prediction=predictions[number], box=_box(pieces[number], trace))
            for number in line.best(scores)
        )

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> list[Prediction]:
        """Reads digits that are in MNIST's form already.

        Args:
            pixels: ``(n, 28, 28) uint8``, 0 background, 255 ink.

        Raises:
            InvalidValue: another shape or type.
        """
        if pixels.shape[1:] != PIXELS or pixels.dtype != np.uint8:
            raise InvalidValue(
                f"pixels of shape {pixels.shape} and type {pixels.dtype} were given; "
                "expected (n, 28, 28) uint8"
            )
        logits = self._interpreter.logits(pixels)
        probabilities = softmax(logits, temperature=self.model.temperature)
        return [
            self._judge(row, blank=not digit.any())
            for row, digit in zip(probabilities, pixels, strict=True)
        ]

    def _judge(self, probabilities: NDArray[np.float64], *, blank: bool) -> Prediction:
        digit = int(probabilities.argmax())
        confidence = 0.0 if blank else float(probabilities[digit])
        abstained: Abstention | None = (
            "blank" if blank else "low-confidence" if confidence < self.min_confidence else None
        )
        return Prediction(
            digit=None if abstained else digit,
            confidence=confidence,
            probabilities=tuple(probabilities.tolist()),
            abstained=abstained,
        )


def _with_problem(prediction: Prediction, trace: PreprocessingTrace | ModelInput) -> Prediction:
    """The prediction, withheld where the picture is not of one digit."""
    if trace.problem == "not-one-digit":
        return replace(prediction, digit=None, abstained="not-one-digit")
    return prediction


def _box(piece: Component, trace: PreprocessingTrace) -> tuple[int, int, int, int]:
    """Where a piece lies in the picture itself."""
    height, width = trace.labels.shape
    left, top = (math.floor(trace.scale * edge) for edge in (piece.left, piece.top))
    right, bottom = (
        min(math.ceil(trace.scale * edge), round(trace.scale * size))
        for edge, size in ((piece.right, width), (piece.bottom, height))
    )
    return left, top, right, bottom
