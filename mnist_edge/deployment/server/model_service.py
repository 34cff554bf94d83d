"""The model that a server reads with, exchanged while requests are under way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.daily_counts import DailyCounts
from mnist_edge.errors import MnistEdgeError, PictureError
from mnist_edge.inference.batch import Outcome, classify_readable, outcome_answers
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.inference.hypotheses import Hypothesis
from mnist_edge.inference.inputs import attempt_read
from mnist_edge.inference.page import Page
from mnist_edge.inference.unsure_pictures import UnsurePictures
from mnist_edge.modelstore import registry
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    WORKING_SIDE,
    ModelInput,
    PreprocessingTrace,
    preprocess,
    trace_preprocessing,
)
from mnist_edge.runtimes.golden import require_golden_answers

NamedPicture: TypeAlias = tuple[str, bytes]
"""An encoded picture with its name in messages."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read in one picture."""

    outcome: Outcome
    """The answer, or why there is none."""
    pixels: NDArray[np.uint8] | None = None
    """``(28, 28)``, what the model saw of a picture of one digit, if that was kept."""
    explanation: bytes | None = None
    """A PNG that shows how the picture was read, if it was asked for."""


class ModelService:
    """One model for many threads, which can be exchanged for another without a pause.

    Args:
        model: as for ``Classifier``; None follows the model in use on this device.
        min_confidence: as for ``Classifier``.
        unsure: keeps the pictures that are not read surely; None to keep none.
        counts: adds what is read to the sums of the day; None to add nothing.

    Raises:
        ModelError: the model cannot be used, or does not answer its golden vectors as its manifest
            says.
        MissingDependency: the requested runtime is not installed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        min_confidence: float | str | None = None,
        unsure: UnsurePictures | None = None,
        counts: DailyCounts | None = None,
    ) -> None:
        self._counts = counts
        self.unsure = unsure
        """Where unsure pictures are kept, if they are."""
        self._open: Callable[[], Classifier] = partial(
            Classifier, model, min_confidence=min_confidence
        )
        self._reloading = threading.Lock()
        self.problem: str | None = None
        """Why the latest exchange failed; None if it did not."""
        self._load()

    @property
    def classifier(self) -> Classifier:
        """The classifier in use; a caller that keeps it finishes with the same model."""
        return self._classifier

    @property
    def model(self) -> StoredModel:
        """The model in use."""
        return self._classifier.model

    def reload(self) -> bool:
        """Use the model that the name stands for now; keep the one in use if that one fails.

        Returns:
            Whether the model is in use; ``problem`` says why not.
        """
        with self._reloading:
            try:
                self._load()
            except MnistEdgeError as error:
                self.problem = str(error)
                # What failed is not tried again until it changes.
                self._stamp = self._current_stamp()
                return False
            self.problem = None
            return True

    def has_changed(self) -> bool:
        """Check whether another model was installed, or its files were replaced."""
        return self._current_stamp() != self._stamp

    def _load(self) -> None:
        record = _usage_stamp()
        classifier = self._open()
        require_golden_answers(classifier.model, name=str(classifier.model.path))
        self._classifier = classifier
        self._stamp = (record, *_file_stamps(classifier.model.path))

    def _current_stamp(self) -> tuple[object, ...]:
        return (_usage_stamp(), *_file_stamps(self.model.path))

    def prepare(self, picture: NamedPicture) -> ModelInput | PictureError:
        """Find the digit in a picture, without the model."""
        name, content = picture
        return attempt_read(content, preprocess, name=name)

    def classify(
        self, pictures: Sequence[NamedPicture], prepared: Sequence[ModelInput | PictureError]
    ) -> list[Reading]:
        """Classify the digits that were found in pictures, in one batch.

        Args:
            pictures: encoded.
            prepared: what ``prepare`` found in each.
        """
        classifier = self._classifier
        readings = [Reading(outcome=one) for one in classify_readable(classifier, prepared)]
        for picture, reading in zip(pictures, readings, strict=True):
            self._take_note(picture, reading, classifier)
        return readings

    def read(self, picture: NamedPicture, *, read_all: bool, explain: bool) -> Reading:
        """Read a picture, and keep what was seen of it.

        Args:
            picture: encoded.
            read_all: read every digit in it, not one.
            explain: draw how it was read.
        """
        read = _read_page if read_all else _read_digit
        classifier = self._classifier
        reading = read(classifier, picture, explain=explain)
        self._take_note(picture, reading, classifier)
        return reading

    def _take_note(self, picture: NamedPicture, reading: Reading, classifier: Classifier) -> None:
        if self._counts:
            self._counts.add(classifier.model.sha256, outcome_answers(reading.outcome))
        if self.unsure:
            name, content = picture
            self.unsure.keep(content, reading.outcome, classifier, name=name)


def _read_digit(classifier: Classifier, picture: NamedPicture, *, explain: bool) -> Reading:
    trace = _trace(picture, side=WORKING_SIDE)
    if isinstance(trace, PictureError):
        return Reading(outcome=trace)
    decision = classifier.decide(trace)
    prediction, seen = decision.prediction, decision.chosen.trace
    drawing = _draw(seen, prediction, decision.hypotheses) if explain else None
    return Reading(outcome=prediction, pixels=seen.pixels, explanation=drawing)


def _read_page(classifier: Classifier, picture: NamedPicture, *, explain: bool) -> Reading:
    trace = _trace(picture, side=PAGE_SIDE)
    if isinstance(trace, PictureError):
        return Reading(outcome=trace)
    page = classifier.classify_page(trace)
    return Reading(outcome=page, explanation=_draw(trace, page) if explain else None)


def _trace(picture: NamedPicture, *, side: int) -> PreprocessingTrace | PictureError:
    name, content = picture
    return attempt_read(content, partial(trace_preprocessing, side=side), name=name)


def _draw(
    trace: PreprocessingTrace, outcome: Prediction | Page, hypotheses: Sequence[Hypothesis] = ()
) -> bytes:
    # Most servers never draw, and Pillow's fonts and pens take memory.
    from mnist_edge.inference.explain import encode_explanation

    return encode_explanation(trace, outcome, hypotheses)


def _usage_stamp() -> object:
    try:
        return registry.read_usage()
    except MnistEdgeError as error:
        return str(error)


def _file_stamps(path: Path) -> list[tuple[int, int, int] | None]:
    """Return what tells one state of the model's files from another."""
    return [_file_stamp(file) for file in (path, path.with_suffix(".json"))]


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # asked every second
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
