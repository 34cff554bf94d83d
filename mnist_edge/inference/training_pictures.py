"""Read a user's labelled pictures as ``predict`` takes them, for a network to learn from.

They are read in worker processes, since the process that trains a network must not load the TFLite
runtime.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.labeled_pictures import LabeledPicture, find_labeled_pictures
from mnist_edge.errors import PictureError
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.unsure_pictures import kept_time
from mnist_edge.inference.worker_pool import map_in_order
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.text import one_line

_CHUNK_SIZE = 16
"""Pictures that a worker reads at a time."""
_PAUSE = 300.0
"""Seconds between two kept pictures from which on they are of two series: a camera that keeps one
picture after the other sees the same digits in them."""


@dataclass(frozen=True, kw_only=True)
class FoundLabel:
    """A labelled picture, and the folder that it is in."""

    folder: Path
    """The folder of the sub-folders, or of the CSV file."""
    picture: LabeledPicture
    """The picture, or a box in one, with its label."""

    @property
    def name(self) -> str:
        """The path, with the box if there is one."""
        return str(self.folder / self.picture.name)

    series: str
    """What it was taken with: the sitting in which it was kept, the page that it is a box of, or
    the name up to its number. Pictures of one series resemble each other more than they resemble
    others."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.picture.path

    def sha256(self) -> str:
        """Return the hash of the file, and of the box if there is one, hexadecimal.

        Raises:
            OSError: it cannot be read.
        """
        digest = hashlib.sha256(read_regular_file(self.path))
        if self.picture.box is not None:
            digest.update(repr(self.picture.box).encode())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class TrainingPicture:
    """A labelled picture that was read."""

    name: str
    """The path, with the box if there is one."""
    label: int | None
    """0..9; None if it shows no digit."""
    series: str
    """What it was taken with."""
    pixels: NDArray[np.uint8]
    """``(28, 28)``, what a model gets to see of it."""
    answer: int | None
    """What the model answers now; None if it abstains."""
    sha256: str
    """Its hash, hexadecimal."""
    taken: float
    """When the file was last written, in seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class UnusablePicture:
    """A labelled picture that teaches nothing."""

    name: str
    """The path, with the box if there is one."""
    reason: str
    """Why, in words."""


def find_training_pictures(folders: Sequence[Path]) -> list[FoundLabel]:
    """List the labelled pictures of several folders or CSV files, each in natural order.

    Raises:
        DataUnavailable: one of them does not exist, or holds no labelled picture.
        MalformedData: a CSV file has a row that is not valid.
    """
    found = []
    for data in folders:
        folder = data if data.is_dir() else data.parent
        pictures = find_labeled_pictures(data)
        sittings = _sittings([folder / one.path for one in pictures])
        for picture in pictures:
            series = sittings.get(folder / picture.path) or _series(folder, picture)
            found.append(FoundLabel(folder=folder, picture=picture, series=series))
    return sorted(found, key=lambda one: _natural_order(one.name))


def _sittings(paths: Sequence[Path]) -> dict[Path, str]:
    """Return in which sitting each picture was kept that ``--keep-unsure`` has kept.

    A sitting is over when none is kept for ``_PAUSE``.
    """
    times = {path: time for path in paths if (time := kept_time(path)) is not None}
    sittings: dict[Path, str] = {}
    last, name = -math.inf, ""
    for path in sorted(times, key=lambda path: (times[path], path)):
        if times[path] - last > _PAUSE:
            name = str(path)
        sittings[path], last = name, times[path]
    return sittings


def _series(folder: Path, picture: LabeledPicture) -> str:
    """Return the page that a picture is a box of, or its name up to its number."""
    path = Path(picture.path)
    if picture.box is not None:
        return str(folder / path)
    # The digits of one page lie in several folders, one for each label.
    parts = path.parts[1:-1] if len(path.parts[0]) == 1 else path.parts[:-1]
    stem = re.sub(r"\d+\D*$", "", path.stem)
    return str(folder.joinpath(*parts, stem or "-"))


def read_training_pictures(
    model: Path,
    found: Sequence[FoundLabel],
    *,
    jobs: int,
    on_progress: Callable[[int], None],
) -> tuple[list[TrainingPicture], list[UnusablePicture]]:
    """Read pictures through the front end, in the way that a model finds right.

    Args:
        model: the ``.tflite`` file of the model.
        found: the pictures.
        jobs: number of worker processes.
        on_progress: called with the number of pictures read since the last call.

    Returns:
        What was read, in order, and what was not: files that cannot be read, and pictures in which
        the front end finds no single digit, whatever the model.

    Raises:
        ModelError: the model does not load.
        WorkerLost: a worker process ended before its work was done.
    """
    chunks = [found[start : start + _CHUNK_SIZE] for start in range(0, len(found), _CHUNK_SIZE)]
    read: list[TrainingPicture] = []
    unusable: list[UnusablePicture] = []
    jobs = min(jobs, len(chunks))
    for chunk, outcomes in map_in_order(partial(_read_chunk, str(model)), chunks, jobs=jobs):
        for outcome in outcomes:
            if isinstance(outcome, TrainingPicture):
                read.append(outcome)
            else:
                unusable.append(outcome)
        on_progress(len(chunk))
    return read, unusable


def _read_chunk(model: str, chunk: Sequence[FoundLabel]) -> list[TrainingPicture | UnusablePicture]:
    classifier = _open(model)
    return [_read_picture(classifier, found) for found in chunk]


@lru_cache(maxsize=1)
def _open(model: str) -> Classifier:
    return Classifier(model)


def _read_picture(classifier: Classifier, found: FoundLabel) -> TrainingPicture | UnusablePicture:
    try:
        decision = classifier.decide(trace_preprocessing(found.picture.open(found.folder)))
        sha256 = found.sha256()
        taken = found.path.stat().st_mtime
    except (PictureError, OSError) as error:
        return UnusablePicture(name=found.name, reason=one_line(error))
    prediction = decision.prediction
    if prediction.abstained in ("blank", "not-one-digit"):
        what = "nothing" if prediction.abstained == "blank" else "not exactly one digit"
        return UnusablePicture(name=found.name, reason=f"the front end finds {what} in it")
    return TrainingPicture(
        name=found.name,
        label=found.picture.digit,
        series=found.series,
        pixels=decision.chosen.trace.pixels,
        answer=prediction.digit,
        sha256=sha256,
        taken=taken,
    )


def _natural_order(path: str) -> list[tuple[int, str]]:
    """Return a sort key by which ``9.png`` comes before ``10.png``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path)]
