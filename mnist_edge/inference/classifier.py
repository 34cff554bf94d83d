"""Classify pictures of digits: from a picture to a digit and a calibrated confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.metrics.confidence import TabulatedSoftmax, softmax
from mnist_edge.modelstore import loading
from mnist_edge.preprocessing.decoding import Picture
from mnist_edge.preprocessing.flat_background import Ink
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    ModelInput,
    PreprocessingTrace,
    preprocess,
    trace_preprocessing,
)
from mnist_edge.runtimes.interpreter import dequantize
from mnist_edge.runtimes.sandbox import open_model

if TYPE_CHECKING:
    from mnist_edge.inference.hypotheses import Alternatives, Decision
    from mnist_edge.inference.page import Page

Input = TypeVar("Input", bound=ModelInput | PictureError)

_BATCH_SIZE = 256
"""Maximum number of pictures classified at a time: four threads then have two batches of 32
each."""
_BATCH_PIXELS = 4_000_000
"""Number of pixels of preprocessed pictures, with about ten bytes each, from which on no more are
held."""
CLEAR_CONFIDENCE = 0.98
"""Confidence from which on a picture is read in one way only."""
_BLANK = bytes(math.prod(DIGIT_SHAPE))
"""The pixels of a picture without a digit."""
_DECIMALS = 6
"""Decimal places of a probability in JSON; int8 logits are far coarser."""

Abstention = Literal["blank", "not-one-digit", "low-confidence"]
"""Why there is no digit: the picture has no ink, it does not show exactly one digit, or the model's
confidence is below the minimum."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The digit that a model reads in a picture."""

    digit: int | None
    """0..9; None if the classifier abstains."""
    confidence: float
    """Calibrated probability of the most probable digit, 0..1; 0.0 for a blank picture."""
    probabilities: tuple[float, ...]
    """Ten calibrated probabilities, those of the digits 0 to 9, which sum to 1."""
    abstained: Abstention | None = None
    """Why there is no digit: ``blank``, ``not-one-digit`` or ``low-confidence``; None if there is
    one."""

    def top(self, count: int) -> list[tuple[int, float]]:
        """Return the ``count`` most probable digits with their probabilities, the best first."""
        ranked = sorted(enumerate(self.probabilities), key=lambda pair: -pair[1])
        return ranked[:count]

    def without_abstention(self) -> Prediction:
        """Return a copy that has the most probable digit, even if the classifier abstained."""
        [(digit, confidence)] = self.top(1)
        return replace(self, digit=digit, confidence=confidence, abstained=None)

    def to_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Return the prediction as ``mnist-edge predict --format json`` writes it.

        Args:
            top: number of the most probable digits to list under ``top``, if more than one.

        Returns:
            ``digit``, ``confidence``, ``abstained`` if the classifier abstained, ``probabilities``
            and, if asked for, ``top``. Probabilities are rounded to six decimal places. The
            command line adds ``path`` in front.
        """
        document: dict[str, Any] = {
            "digit": self.digit,
            "confidence": round(self.confidence, _DECIMALS),
        }
        if self.abstained:
            document["abstained"] = self.abstained
        document["probabilities"] = [round(p, _DECIMALS) for p in self.probabilities]
        if top > 1:
            document["top"] = [
                {"digit": digit, "confidence": round(p, _DECIMALS)} for digit, p in self.top(top)
            ]
        return document


class Classifier:
    """Reads digits with one model.

    Threads may share a classifier: each call has an interpreter to itself, and a call that finds
    all of them busy opens another, so there are as many as there were calls at a time.

    Args:
        model: the name of a shipped or installed model, a model folder, or a ``.tflite`` file; by
            default the model in use on this device.
        scheme: which file of a model folder to use; by default int8.
        pixels: how a ``.tflite`` file without a manifest expects its input to be scaled, one of
            ``mnist_edge.runtimes.input_scaling``. By default the scaling is inferred from MNIST's
            validation digits if they are on this device, and otherwise from the hundred that come
            with the package.
        min_confidence: 0..1, or the name of an operating point in the manifest, ``balanced`` or
            ``careful``; the classifier abstains below it. By default the manifest's, or 0.0
            without a manifest, which never abstains for low confidence. A blank picture has no
            digit at any minimum; ``Prediction.without_abstention`` has the most probable one.
        threads: number of threads that classify digits in parallel when there are many.

    Raises:
        InvalidValue: ``min_confidence`` is outside 0..1, or a name that the manifest does not have,
            or ``pixels`` is given for a model with a manifest, which already states it.
        UnknownName: ``pixels`` is not the name of an input scaling.
        ModelError: the model is missing, damaged, or not a digit model.
        MissingDependency: the runtime that was chosen is not installed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        scheme: str | None = None,
        pixels: str | None = None,
        min_confidence: float | str | None = None,
        threads: int = 1,
    ) -> None:
        if isinstance(min_confidence, (int, float)) and not 0 <= min_confidence <= 1:
            raise InvalidValue(f"minimum confidence {min_confidence} is outside 0..1")
        self.model = loading.load_model(model, scheme=scheme)
        """The model's bytes with its manifest, if it has one."""
        if min_confidence is None:
            min_confidence = self.model.min_confidence
        elif isinstance(min_confidence, str):
            min_confidence = self.model.operating_point(min_confidence)
        self.min_confidence: float = min_confidence
        """Calibrated probability below which the classifier abstains, 0..1."""
        self.warning: str | None = None
        """What a user should know about the model; None if it is verified by a manifest."""
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

    def predict(self, picture: Picture, *, ink: Ink | None = None) -> Prediction:
        """Read the digit in a picture.

        Args:
            picture: a path, encoded bytes, a binary stream, a PIL image, or a
                ``(height, width[, 1, 3 or 4]) uint8`` array.
            ink: whether the digit is darker or lighter than its paper, if that is known.

        Raises:
            PictureError: the picture is missing, empty, truncated, or not an image.
        """
        return self.classify(preprocess(picture, ink=ink))

    def predict_many(
        self, pictures: Iterable[Picture], *, ink: Ink | None = None
    ) -> Iterator[Prediction]:
        """Read the digit in each picture, in their order, faster than ``predict`` in a loop.

        Args:
            pictures: as for ``predict``; at most one batch of 256 is held at a time.
            ink: of all of them, as for ``predict``.

        Raises:
            PictureError: as for ``predict``, at the first picture that cannot be read.
        """
        for inputs in batch_inputs(preprocess(picture, ink=ink) for picture in pictures):
            yield from self.classify_many(inputs)

    def predict_all(self, picture: Picture, *, ink: Ink | None = None) -> Page:
        """Read every digit in a picture: a number, or lines of numbers.

        Digits that touch are separated if the model is more confident of the parts than of the
        whole.

        Args:
            picture: as for ``predict``.
            ink: as for ``predict``.

        Raises:
            PictureError: as for ``predict``.
        """
        return self.classify_page(trace_preprocessing(picture, side=PAGE_SIDE, ink=ink))

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> list[Prediction]:
        """Classify digits that are already in MNIST's format.

        Args:
            pixels: ``(n, 28, 28) uint8``, 0 background, 255 ink.

        Raises:
            InvalidValue: the array has another shape or dtype.
            InvalidModel: the model's logits are NaN or infinite.
        """
        if pixels.shape[1:] != DIGIT_SHAPE or pixels.dtype != np.uint8:
            raise InvalidValue(
                f"pixels have shape {pixels.shape} and dtype {pixels.dtype}; "
                "expected (n, 28, 28) uint8"
            )
        logits = self._interpreter.logits(pixels)
        probabilities = softmax(logits, temperature=self.model.temperature)
        inked = pixels.any(axis=(1, 2))
        return [
            self._predict(row, is_blank=not has_ink)
            for row, has_ink in zip(probabilities.tolist(), inked.tolist(), strict=True)
        ]

    def classify(self, preprocessed: PreprocessingTrace | ModelInput) -> Prediction:
        """Classify the digit in a preprocessed picture."""
        prediction = self._read_one(preprocessed)
        trace = _unclear_trace(preprocessed, prediction)
        return prediction if trace is None else self._decide(trace, prediction).prediction

    def classify_many(
        self, preprocessed: Sequence[PreprocessingTrace | ModelInput]
    ) -> list[Prediction]:
        """Classify the digit in each of many preprocessed pictures, in one batch.

        An unclear picture is read in the few other ways that there may be, by itself.
        """
        return [
            self._decide(trace, prediction).prediction
            if (trace := _unclear_trace(one, prediction))
            else prediction
            for one, prediction in zip(preprocessed, self._read(preprocessed), strict=True)
        ]

    def decide(
        self, trace: PreprocessingTrace, *, alternatives: Alternatives | None = None
    ) -> Decision:
        """Classify the digit in a preprocessed picture, and return all that was read for it.

        Args:
            trace: the preprocessing of the picture.
            alternatives: those to the trace, if other classifiers read them too.

        Returns:
            The prediction, which is that of ``classify``, and the hypotheses it was chosen from:
            one if the picture is clear.
        """
        from mnist_edge.inference.hypotheses import Decision, Hypothesis

        (prediction,) = self._read([trace])
        if _unclear_trace(trace, prediction):
            return self._decide(trace, prediction, alternatives)
        only = Hypothesis(kind="picture", trace=trace, prediction=prediction)
        return Decision(hypotheses=(only,), chosen=only, prediction=prediction)

    def classify_page(self, trace: PreprocessingTrace) -> Page:
        """Classify every digit in a preprocessed picture.

        Args:
            trace: the result of ``trace_preprocessing`` with a ``side`` of ``PAGE_SIDE``, for
                digits that are small in the picture.
        """
        from mnist_edge.inference.page_reader import read_page

        return read_page(trace, self)

    def _read(self, preprocessed: Sequence[PreprocessingTrace | ModelInput]) -> list[Prediction]:
        """Classify the digit in each of many preprocessed pictures, as they look at first."""
        if not preprocessed:
            return []
        predictions = self.predict_pixels(np.stack([one.pixels for one in preprocessed]))
        return [_with_problem(*pair) for pair in zip(predictions, preprocessed, strict=True)]

    def _read_one(self, preprocessed: PreprocessingTrace | ModelInput) -> Prediction:
        """Classify the digit in a preprocessed picture, as it looks at first.

        It is ``_read`` of one, in half of its time beside the model's.
        """
        softmax_of = self._tabulated_softmax
        if softmax_of is None:
            return self._read([preprocessed])[0]
        pixels = preprocessed.pixels
        probabilities = softmax_of(self._interpreter.raw_output(pixels).tolist())
        prediction = self._predict(probabilities, is_blank=pixels.tobytes() == _BLANK)
        return _with_problem(prediction, preprocessed)

    @cached_property
    def _tabulated_softmax(self) -> TabulatedSoftmax | None:
        """The softmax of logits in 8 bits; None if the model answers with others."""
        output = self._interpreter.output
        if output.dtype not in ("int8", "uint8") or self._interpreter.has_probabilities:
            return None
        levels = np.arange(256, dtype=np.uint8).view(output.dtype)
        return TabulatedSoftmax(dequantize(levels, output), temperature=self.model.temperature)

    def _decide(
        self,
        trace: PreprocessingTrace,
        prediction: Prediction,
        alternatives: Alternatives | None = None,
    ) -> Decision:
        # Most pictures are clear, and need nothing of this.
        from mnist_edge.inference.hypotheses import Alternatives, decide

        return decide(
            alternatives or Alternatives(trace),
            prediction,
            read=self._read,
            min_confidence=self.min_confidence,
        )

    def _predict(self, probabilities: list[float], *, is_blank: bool) -> Prediction:
        confidence = max(probabilities)
        digit = probabilities.index(confidence)
        if is_blank:
            confidence = 0.0
        abstained: Abstention | None = None
        if is_blank:
            abstained = "blank"
        elif confidence < self.min_confidence:
            abstained = "low-confidence"
        # Its own constructor sets a frozen field after the other, in three times the time.
        prediction = object.__new__(Prediction)
        prediction.__dict__.update(
            digit=None if abstained else digit,
            confidence=confidence,
            probabilities=tuple(probabilities),
            abstained=abstained,
        )
        return prediction


def batch_inputs(inputs: Iterable[Input]) -> Iterator[list[Input]]:
    """Yield preprocessed pictures in batches that take little memory, in their order.

    Args:
        inputs: preprocessed pictures, or errors in their place.
    """
    batch: list[Input] = []
    pixels = 0
    for one in inputs:
        batch.append(one)
        if isinstance(one, ModelInput) and one.trace:
            pixels += one.trace.labels.size
        if len(batch) == _BATCH_SIZE or pixels >= _BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _unclear_trace(
    preprocessed: PreprocessingTrace | ModelInput, prediction: Prediction
) -> PreprocessingTrace | None:
    """Return a picture's trace if the prediction is not clear; MNIST's format has no other."""
    if prediction.digit is not None and prediction.confidence >= CLEAR_CONFIDENCE:
        return None
    if isinstance(preprocessed, ModelInput):
        return preprocessed.trace
    return None if preprocessed.kind == "mnist" else preprocessed


def _with_problem(
    prediction: Prediction, preprocessed: PreprocessingTrace | ModelInput
) -> Prediction:
    """Return the prediction, without its digit if the picture does not show exactly one."""
    if preprocessed.problem == "not-one-digit":
        return replace(prediction, digit=None, abstained="not-one-digit")
    return prediction
