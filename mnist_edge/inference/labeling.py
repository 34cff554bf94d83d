"""Label the pictures of a folder: what is left to do, and where the labels are saved.

The labels are in the folder's ``labels.csv``, which is rewritten completely after each change.
Others may change it meanwhile, by another page or an editor: what they wrote is read before.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mnist_edge.data.label_table import (
    LABELS,
    LABELS_FILE,
    NO_DIGIT,
    UNLABELED,
    Label,
    LabelRow,
    find_label_table,
    read_label_table,
    replace_labels,
    write_label_table,
)
from mnist_edge.data.labeled_pictures import find_labeled_pictures
from mnist_edge.errors import DataUnavailable, InvalidValue, PictureError, PictureNotFound
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.inputs import read_picture
from mnist_edge.inference.picture_guesses import Guess, guess_boxes, guess_picture
from mnist_edge.inference.unsure_pictures import UnsureRecord, read_unsure_record
from mnist_edge.preprocessing.decoding import SUFFIXES, decode, to_rgb
from mnist_edge.system.files import locked

SHOWN_SIDE = 1200
"""Longest side, in pixels, of a picture that is shown; a larger one is reduced."""
MAX_LABELS = 1000
"""Number of labels of one picture, at most."""


@dataclass(frozen=True, kw_only=True)
class PictureToLabel:
    """A picture with all that helps to label it."""

    path: str
    """Relative to the folder."""
    labels: tuple[Label, ...]
    """What it is labeled as, if it is."""
    guesses: tuple[Guess, ...]
    """What the model reads: one of the whole picture, or one for each box."""
    record: UnsureRecord | None
    """Why it was kept, if ``--keep-unsure`` kept it."""
    problem: str | None
    """Why it cannot be read, if it cannot."""


@dataclass(frozen=True, kw_only=True)
class LabelCount:
    """How far the labeling is."""

    total: int
    """Number of pictures."""
    labeled: int
    """Number of those that need nothing more: they have labels, or are not there any more."""


class LabelingSession:
    """The pictures of a folder, each with a number that stays the same, and their labels.

    Threads may share a session.

    Args:
        folder: with pictures in it, and below it. Links, and names that begin with a dot or are not
            Unicode, are left out.
        open_classifier: opens the model that guesses, when the first picture is shown.

    Raises:
        DataUnavailable: the folder does not exist, or has no picture.
        MalformedData: its ``labels.csv`` is not valid.
    """

    def __init__(self, folder: Path, open_classifier: Callable[[], Classifier]) -> None:
        if not folder.is_dir():
            raise DataUnavailable(f"no folder {folder}; expected one with pictures to label")
        self.folder = folder
        self._open_classifier = open_classifier
        self._classifier: Classifier | None = None
        self._lock = threading.RLock()
        self._paths: list[str] = []
        self._missing: set[str] = set()
        """Pictures that were there: whoever keeps unsure ones may have made room."""
        self._rows: list[LabelRow] = []
        self._stamp: object = None
        self._labels: dict[str, list[Label]] = {}
        self.refresh()
        if not self._paths:
            raise DataUnavailable(
                f"no picture in {folder}; keep some with predict --keep-unsure, or copy them there"
            )

    def refresh(self) -> None:
        """Find pictures that came since, and labels that others gave.

        Raises:
            MalformedData: ``labels.csv`` is not valid.
        """
        with self._lock:
            known, found = set(self._paths), set(_find(self.folder))
            self._paths += sorted(found - known)
            self._missing = known - found
            self._read_table()

    def count(self) -> LabelCount:
        """Count what is done."""
        with self._lock:
            done = sum(self._is_labeled(path) for path in self._paths)
            return LabelCount(total=len(self._paths), labeled=done)

    def next_open(self, after: int = -1) -> int | None:
        """Return the number of the next picture that is to be labeled, from the first again.

        Args:
            after: a picture's number; -1 for the first.

        Returns:
            None if there is no other than that one.
        """
        with self._lock:
            count = len(self._paths)
            order = [(after + 1 + step) % count for step in range(count)]
            return next(
                (one for one in order if one != after and not self._is_labeled(self._paths[one])),
                None,
            )

    def picture(self, number: int, *, several: bool | None = None) -> PictureToLabel:
        """Read a picture.

        Args:
            number: its number, from 0.
            several: whether it shows several digits, each with a box. None asks its labels, how it
                was read when it was kept, and the model.

        Raises:
            PictureNotFound: there is no picture of this number.
            ModelError: the model cannot be used.
        """
        path = self._path(number)
        with self._lock:
            labels = tuple(self._labels.get(path, ()))
            if self._classifier is None:
                self._classifier = self._open_classifier()
            classifier = self._classifier
        file = self.folder / path
        record = read_unsure_record(file)
        boxes = [label.box for label in labels if label.box]
        if several is None and labels:
            several = bool(boxes)
        elif several is None and record:
            several = record.has_boxes or None
        found = (str(file), None)
        if several and boxes:
            # Those that were labeled stay, whatever this model would find.
            read = read_picture(found, lambda _: guess_boxes(classifier, self.folder, path, boxes))
        else:
            read = read_picture(found, lambda _: guess_picture(classifier, file, several=several))
        if isinstance(read, PictureNotFound):
            with self._lock:
                self._missing.add(path)
        return PictureToLabel(
            path=path,
            labels=labels,
            guesses=() if isinstance(read, PictureError) else read,
            record=record,
            problem=str(read) if isinstance(read, PictureError) else None,
        )

    def image(self, number: int) -> tuple[bytes, float]:
        """Return a picture as a PNG that any browser shows, upright and not larger than needed.

        Returns:
            The PNG, and the file's pixels per pixel of it.

        Raises:
            PictureError: there is no such picture, or it cannot be read.
        """
        stream = io.BytesIO()
        pixels, scale = self.pixels(number)
        pixels.save(stream, "PNG")
        return stream.getvalue(), scale

    def pixels(self, number: int) -> tuple[Image.Image, float]:
        """Return a picture in RGB, upright, reduced to ``SHOWN_SIDE``.

        Returns:
            The picture, and the file's pixels per pixel of it.

        Raises:
            PictureError: there is no such picture, or it cannot be read.
        """
        image, longest = decode(self.folder / self._path(number), side=SHOWN_SIDE)
        rgb, scale = to_rgb(image, longest, side=SHOWN_SIDE)
        return Image.fromarray(rgb), scale

    def set_labels(self, number: int, labels: Sequence[Label]) -> tuple[Label, ...]:
        """Save what a picture shows.

        Args:
            number: its number, from 0.
            labels: one of the whole picture, or one for each box, empty where it is not known yet;
                none to forget what was said.

        Returns:
            The labels that it had.

        Raises:
            PictureNotFound: there is no picture of this number.
            InvalidValue: the labels are not valid, or a box is given twice.
            MalformedData: somebody else made ``labels.csv`` invalid.
            NotWritable: it cannot be written.
        """
        path = self._path(number)
        _require_valid(labels)
        with self._lock, locked(self.folder):
            self._read_table()
            before = tuple(self._labels.get(path, ()))
            rows = replace_labels(self._rows, path, labels)
            write_label_table(self.folder / LABELS_FILE, rows)
            self._take(rows)
            return before

    def _path(self, number: int) -> str:
        with self._lock:
            if not 0 <= number < len(self._paths):
                raise PictureNotFound(f"no picture {number}; expected 0 to {len(self._paths) - 1}")
            return self._paths[number]

    def _is_labeled(self, path: str) -> bool:
        labels = self._labels.get(path, [])
        is_done = bool(labels) and all(label.text != UNLABELED for label in labels)
        return is_done or path in self._missing

    def _read_table(self) -> None:
        table = find_label_table(self.folder)
        if table is None:
            # What is sorted into sub-folders stays labeled when a table takes their place.
            self._take(_rows_of_subfolders(self.folder))
        elif _stamp(table) != self._stamp:
            self._take(read_label_table(table))

    def _take(self, rows: list[LabelRow]) -> None:
        self._rows = rows
        self._labels = {}
        for row in rows:
            self._labels.setdefault(row.path, []).append(row.label)
        self._stamp = _stamp(self.folder / LABELS_FILE)


def _find(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            file = Path(parent, name)
            if not name.startswith(".") and file.suffix.lower() in SUFFIXES:
                path = file.relative_to(folder).as_posix()
                if path.isprintable() and file.is_file() and not file.is_symlink():
                    yield path


def _rows_of_subfolders(folder: Path) -> list[LabelRow]:
    try:
        labeled = find_labeled_pictures(folder)
    except DataUnavailable:
        return []
    return [
        LabelRow(path=one.path, label=Label(text=NO_DIGIT if one.digit is None else str(one.digit)))
        for one in labeled
    ]


def _require_valid(labels: Sequence[Label]) -> None:
    for label in labels:
        if label.text != UNLABELED and label.text not in LABELS:
            raise InvalidValue(f"label {label.text!r}: expected one of {', '.join(LABELS)}")
    boxes = [label.box for label in labels]
    if len(set(boxes)) < len(boxes) or (None in boxes and len(boxes) > 1):
        raise InvalidValue("labels: expected one of the whole picture, or one for each box")
    if len(labels) > MAX_LABELS:
        raise InvalidValue(f"{len(labels)} labels: expected {MAX_LABELS} of one picture at most")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file; None if there is none: reading a pipe would hang."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
