"""The labeled pictures of a report: MNIST's test digits, or a user's own.

A user's pictures go through the whole front end, as in ``mnist-edge predict``: each scheme reads
an unclear one in the way that it finds right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data import idx
from mnist_edge.data.labeled_pictures import LabeledPicture
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable, PictureError
from mnist_edge.evaluation.report.results import ImageProblem
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.preprocessing.pipeline import trace_preprocessing


@dataclass(frozen=True, kw_only=True)
class SchemeInputs:
    """What one scheme reads of a user's pictures, in order."""

    pixels: NDArray[np.uint8]
    """``(n, 28, 28)``, each picture in MNIST's format, in the way that it was found right."""
    single_digit: NDArray[np.bool_]
    """``(n,)``, whether each picture shows exactly one digit for all that the scheme knows."""


@dataclass(frozen=True, kw_only=True)
class LabeledImages:
    """Labeled pictures in MNIST's format, in order."""

    name: str
    """Name for the report."""
    digits: Digits
    """The pictures that could be read, in MNIST's format as they look at first, with their
    labels."""
    paths: tuple[str, ...] | None
    """Path of each picture, as the data names it; None for digits of MNIST."""
    single_digit: NDArray[np.bool_]
    """``(n,)``, whether each picture shows exactly one digit; every scheme abstains from the
    others."""
    by_scheme: Mapping[str, SchemeInputs] = field(default_factory=dict)
    """What each scheme reads; digits of MNIST are the same to all."""
    unreadable: tuple[ImageProblem, ...] = ()
    """Pictures that could not be read; they are not among ``digits``."""
    without_digit: tuple[ImageProblem, ...] = ()
    """Pictures that are blank or do not show exactly one digit; they are among ``digits``."""

    def __len__(self) -> int:
        return len(self.digits)

    def as_read_by(self, scheme: str) -> LabeledImages:
        """Return the pictures in the way that a scheme reads them."""
        inputs = self.by_scheme.get(scheme)
        if inputs is None:
            return self
        digits = Digits(images=inputs.pixels, labels=self.digits.labels)
        return replace(self, digits=digits, single_digit=inputs.single_digit)

    def sha256(self) -> dict[str, str]:
        """Return the hashes of the pixels and of the labels, each as an IDX file."""
        keys = ("t10k-images", "t10k-labels") if self.paths is None else ("images", "labels")
        arrays = (self.digits.images, self.digits.labels)
        return {key: idx.idx_sha256(array) for key, array in zip(keys, arrays, strict=True)}


def mnist_test_images(digits: Digits) -> LabeledImages:
    """Wrap MNIST's test digits, or some of them, for a report."""
    return LabeledImages(
        name="MNIST test", digits=digits, paths=None, single_digit=np.ones(len(digits), np.bool_)
    )


def read_labeled_images(
    data: Path,
    labeled: Sequence[LabeledPicture],
    models: Sequence[StoredModel],
    *,
    on_progress: Callable[[int], None],
) -> LabeledImages:
    """Read pictures and convert them to MNIST's format.

    Args:
        data: the folder or CSV file.
        labeled: its pictures, from ``find_labeled_pictures``; those without a digit are left out.
        models: the schemes that are to read them, at least one.
        on_progress: called with the number of pictures read since the last call.

    Raises:
        DataUnavailable: none of the pictures can be read, or none shows a digit.
        ModelError: a model does not load.
    """
    classifiers = [open_classifier(model) for model in models]
    root = data if data.is_dir() else data.parent
    pixels, labels, paths, unreadable = [], [], [], []
    seen: list[list[NDArray[np.uint8]]] = []
    predictions: list[list[Prediction]] = []
    digits = [picture for picture in labeled if picture.digit is not None]
    for picture in digits:
        try:
            trace = trace_preprocessing(picture.open(root))
            decisions = decide_by_each(classifiers, trace)
            pixels.append(trace.pixels)
            labels.append(picture.digit)
            paths.append(picture.name)
            seen.append([one.chosen.trace.pixels for one in decisions])
            predictions.append([one.prediction for one in decisions])
        except PictureError as error:
            # The message has the full path; the report names pictures relative to the data.
            reason = str(error).replace(str(root / picture.path), picture.path)
            unreadable.append(ImageProblem(path=picture.name, reason=reason))
        on_progress(1)
    if not digits:
        raise DataUnavailable(f"no picture of {data} shows a digit; label some 0 to 9")
    if not pixels:
        raise DataUnavailable(
            f"none of the {len(digits)} pictures of {data} can be read; the first: "
            f"{unreadable[0].reason}"
        )
    problems = [_problem(answers) for answers in predictions]
    return LabeledImages(
        name=data.resolve().name,
        digits=Digits(images=np.stack(pixels), labels=np.array(labels, np.uint8)),
        paths=tuple(paths),
        single_digit=np.array([problem is None for problem in problems]),
        by_scheme={
            model.path.stem: SchemeInputs(
                pixels=np.stack(images),
                single_digit=np.array(
                    [_may_be_one_digit(one, model.min_confidence) for one in answers]
                ),
            )
            for model, images, answers in zip(
                models, zip(*seen, strict=True), zip(*predictions, strict=True), strict=True
            )
        },
        unreadable=tuple(unreadable),
        without_digit=tuple(
            ImageProblem(path=path, reason=problem)
            for path, problem in zip(paths, problems, strict=True)
            if problem
        ),
    )


def open_classifier(model: StoredModel) -> Classifier:
    """Open a scheme as predict does; without a manifest it takes raw pixels, as in all of a report.

    Raises:
        ModelError: it does not load.
    """
    return Classifier(model.path, pixels=None if model.manifest else "pixels")


def _problem(predictions: Sequence[Prediction]) -> str | None:
    """Return why a picture does not show exactly one digit, if no scheme finds one in it."""
    reasons = [one.abstained for one in predictions]
    return reasons[0] if all(one in ("blank", "not-one-digit") for one in reasons) else None


def _may_be_one_digit(prediction: Prediction, min_confidence: float) -> bool:
    """Check whether a picture is answered, or would be if the model were more confident.

    A picture whose readings contradict each other has no digit, however confident each is.
    """
    if prediction.abstained == "low-confidence":
        return prediction.confidence < min_confidence
    return prediction.abstained is None
