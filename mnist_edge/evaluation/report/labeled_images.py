"""The labeled pictures of a report: MNIST's test digits, or a user's own.

A user's pictures go through the whole front end, as in ``mnist-edge predict``: each scheme reads
an unclear one in the way that it finds right.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data import idx
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable, MalformedData, PictureError
from mnist_edge.evaluation.report.results import ImageProblem
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.preprocessing.decoding import SUFFIXES
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.system.files import exists

MNIST_TEST = "mnist-test"
"""The name of MNIST's test digits as data."""
LABELS_FILE = "labels.csv"
"""A folder's file of paths and labels, if its pictures are not sorted into sub-folders."""
_COLUMNS = ("path", "label")
_DIGITS = tuple("0123456789")


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


def find_labeled_images(data: Path) -> list[tuple[str, int]]:
    """List the paths and labels of a folder or CSV file.

    Args:
        data: a folder with one sub-folder per digit, named 0 to 9, or with a ``labels.csv``; or a
            CSV file with the columns path and label, where relative paths start from its folder.

    Returns:
        Paths relative to the data's folder, and labels 0..9: sorted for sub-folders, in the file's
        order for a CSV file.

    Raises:
        DataUnavailable: the folder or file does not exist, or holds no picture.
        MalformedData: the CSV file lacks a column, or has a label that is not a digit.
    """
    if not exists(data):
        raise DataUnavailable(
            f"no data at {data}; expected {MNIST_TEST}, a folder with one sub-folder per digit or "
            f"a {LABELS_FILE}, or a CSV file with {', '.join(_COLUMNS)}"
        )
    table = data / LABELS_FILE if data.is_dir() else data
    labeled = _read_csv(table) if table.is_file() else _list_subfolders(data)
    if not labeled:
        raise DataUnavailable(
            f"no labelled picture in {data}; expected sub-folders 0 to 9 with files such as "
            f"digit.png, or {LABELS_FILE} with {', '.join(_COLUMNS)}"
        )
    return labeled


def read_labeled_images(
    data: Path,
    labeled: Sequence[tuple[str, int]],
    models: Sequence[StoredModel],
    *,
    on_progress: Callable[[int], None],
) -> LabeledImages:
    """Read pictures and convert them to MNIST's format.

    Args:
        data: the folder or CSV file.
        labeled: its pictures, from ``find_labeled_images``.
        models: the schemes that are to read them, at least one.
        on_progress: called with the number of pictures read since the last call.

    Raises:
        DataUnavailable: none of the pictures can be read.
        ModelError: a model does not load.
    """
    classifiers = [open_classifier(model) for model in models]
    root = data if data.is_dir() else data.parent
    pixels, labels, paths, unreadable = [], [], [], []
    seen: list[list[NDArray[np.uint8]]] = []
    predictions: list[list[Prediction]] = []
    for path, label in labeled:
        try:
            trace = trace_preprocessing(root / path)
            decisions = decide_by_each(classifiers, trace)
            pixels.append(trace.pixels)
            labels.append(label)
            paths.append(path)
            seen.append([one.chosen.trace.pixels for one in decisions])
            predictions.append([one.prediction for one in decisions])
        except PictureError as error:
            # The message has the full path; the report names pictures relative to the data.
            reason = str(error).replace(str(root / path), path)
            unreadable.append(ImageProblem(path=path, reason=reason))
        on_progress(1)
    if not pixels:
        raise DataUnavailable(
            f"none of the {len(labeled)} pictures of {data} can be read; the first: "
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


def _list_subfolders(folder: Path) -> list[tuple[str, int]]:
    return [
        (path.relative_to(folder).as_posix(), int(digit))
        for digit in _DIGITS
        for path in sorted((folder / digit).rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]


def _read_csv(table: Path) -> list[tuple[str, int]]:
    try:
        # Spreadsheets begin a CSV with a byte order mark.
        text = table.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MalformedData(f"cannot read {table} ({error}); expected a CSV in UTF-8") from error
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise MalformedData(
            f"{table} has no column {missing[0]}; expected a first line with {','.join(_COLUMNS)}"
        )
    for number, row in enumerate(rows, start=2):
        if not row["path"] or (row["label"] or "").strip() not in _DIGITS:
            raise MalformedData(
                f"row {number} of {table} has path {row['path']!r} and label {row['label']!r}; "
                "expected a file and a digit 0 to 9"
            )
    return [(row["path"], int(row["label"])) for row in rows]
