"""The labelled pictures that a report is about: MNIST's test digits, or a user's own.

A user's go through the whole front end, as ``mnist-edge predict`` takes them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data import idx
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable, MalformedData, PictureError
from mnist_edge.evaluation.report.results import Unreadable
from mnist_edge.preprocessing.decoding import SUFFIXES
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.system.files import exists

MNIST_TEST = "mnist-test"
"""The name that stands for MNIST's test digits."""
LABELS_FILE = "labels.csv"
"""A folder's file of paths and labels, where its pictures are not sorted into folders."""
_COLUMNS = ("path", "label")
_DIGITS = tuple("0123456789")


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Labelled pictures, in order."""

    name: str
    """What to call them in a report."""
    digits: Digits
    """Those that could be read, in MNIST's form."""
    paths: tuple[str, ...] | None
    """Of each its file, as the data names it; None for digits of MNIST."""
    sure: NDArray[np.bool_]
    """``(n,)``, whether a picture shows one digit; every scheme abstains from others."""
    unreadable: tuple[Unreadable, ...] = ()
    """Those that could not be read."""
    without_digit: tuple[Unreadable, ...] = ()
    """Those that are blank or show no single digit: among the digits all the same."""

    def __len__(self) -> int:
        return len(self.digits)

    def sha256(self) -> dict[str, str]:
        """Of the pixels and of the labels, as IDX files in that order."""
        keys = ("t10k-images", "t10k-labels") if self.paths is None else ("images", "labels")
        arrays = (self.digits.images, self.digits.labels)
        return {key: idx.sha256(array) for key, array in zip(keys, arrays, strict=True)}


def mnist_test(digits: Digits) -> Pictures:
    """MNIST's test digits, or some of them, as they are."""
    return Pictures(
        name="MNIST test", digits=digits, paths=None, sure=np.ones(len(digits), np.bool_)
    )


def find_labelled(data: Path) -> list[tuple[str, int]]:
    """Paths and labels of a folder or CSV.

    Args:
        data: a folder with one sub-folder a digit, named 0 to 9, or with a ``labels.csv``; or a
            CSV with the columns path and label. A relative path starts from the CSV's folder.

    Returns:
        Paths as the data names them, from its folder on, and labels 0..9: those of sub-folders
        sorted, those of a CSV in its order.

    Raises:
        DataUnavailable: there is no such folder or file, or no picture in it.
        MalformedData: the CSV lacks a column, or has a label that is no digit.
    """
    if not exists(data):
        raise DataUnavailable(
            f"no data at {data}; expected {MNIST_TEST}, a folder with one sub-folder a digit or a "
            f"{LABELS_FILE}, or a CSV with {', '.join(_COLUMNS)}"
        )
    table = data / LABELS_FILE if data.is_dir() else data
    labelled = _rows(table) if table.is_file() else _sorted_into_folders(data)
    if not labelled:
        raise DataUnavailable(
            f"no labelled picture in {data}; expected sub-folders 0 to 9 with files such as "
            f"digit.png, or {LABELS_FILE} with {', '.join(_COLUMNS)}"
        )
    return labelled


def read(
    data: Path, labelled: Sequence[tuple[str, int]], *, on_progress: Callable[[int], None]
) -> Pictures:
    """Takes pictures through the front end.

    Args:
        data: what ``find_labelled`` was given.
        labelled: what it gave.
        on_progress: called with how many pictures were read since the last call.

    Raises:
        DataUnavailable: none could be read.
    """
    root = data if data.is_dir() else data.parent
    pixels, labels, paths, problems, unreadable = [], [], [], [], []
    for path, label in labelled:
        try:
            trace = trace_preprocessing(root / path)
            pixels.append(trace.pixels)
            labels.append(label)
            paths.append(path)
            problems.append(trace.problem or (None if trace.pixels.any() else "blank"))
        except PictureError as error:
            # The message of a picture names it, from wherever it is.
            reason = str(error).replace(str(root / path), path)
            unreadable.append(Unreadable(path=path, reason=reason))
        on_progress(1)
    if not pixels:
        raise DataUnavailable(
            f"none of the {len(labelled)} pictures of {data} can be read; the first: "
            f"{unreadable[0].reason}"
        )
    return Pictures(
        name=data.resolve().name,
        digits=Digits(images=np.stack(pixels), labels=np.array(labels, np.uint8)),
        paths=tuple(paths),
        sure=np.array([problem is None for problem in problems]),
        unreadable=tuple(unreadable),
        without_digit=tuple(
            Unreadable(path=path, reason=problem)
            for path, problem in zip(paths, problems, strict=True)
            if problem
        ),
    )


def _sorted_into_folders(folder: Path) -> list[tuple[str, int]]:
    return [
        (path.relative_to(folder).as_posix(), int(digit))
        for digit in _DIGITS
        for path in sorted((folder / digit).rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]


def _rows(table: Path) -> list[tuple[str, int]]:
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
