"""A user's own labeled pictures: sub-folders 0 to 9 and x, or a table of labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.label_table import (
    LABELS,
    LABELS_FILE,
    NO_DIGIT,
    REQUIRED_COLUMNS,
    UNLABELED,
    BoxEdges,
    find_label_table,
    read_label_table,
)
from mnist_edge.errors import DataUnavailable, UnreadablePicture
from mnist_edge.preprocessing.decoding import SUFFIXES, Picture, decode, upright_part, upright_size
from mnist_edge.system.files import exists

_BOX_MARGIN = 0.2
"""Width of the paper around a box that is kept with it, relative to the box's longer side: of 192
digits of pages in pictures-dev, 191 read alike in the page and in their box with 0.1 to 0.25."""
_FULL_SIDE = 1 << 16
"""Longest side in pixels that a picture of boxes is decoded to: all of it."""


@dataclass(frozen=True, kw_only=True)
class LabeledPicture:
    """A picture, or a box in one, with what it shows."""

    path: str
    """Relative to the data's folder."""
    digit: int | None
    """0..9; None if it shows no digit."""
    box: BoxEdges | None = None
    """Where the digit is; None for the whole picture."""

    @property
    def name(self) -> str:
        """The path, with the box if there is one; no two of a table are the same."""
        return self.path if self.box is None else f"{self.path} [{','.join(map(str, self.box))}]"

    def open(self, folder: Path) -> Picture:
        """Return what a classifier reads: the file's path, or the box with some paper around it.

        Args:
            folder: the data's folder.

        Raises:
            PictureError: the picture cannot be read, or has nothing in the box.
        """
        path = folder / self.path
        if self.box is None:
            return path
        image, _ = decode(path, side=_FULL_SIDE)
        return Image.fromarray(_crop(image, self.box, str(path)))


def find_labeled_pictures(data: Path) -> list[LabeledPicture]:
    """List the labeled pictures of a folder or CSV file.

    Args:
        data: a folder with one sub-folder per label, named 0 to 9 and x, or with a
            ``labels.csv``; or a CSV file in the form of ``label_table``, where relative paths start
            from its folder.

    Returns:
        Sorted for sub-folders, in the file's order for a CSV file, whose rows without a label are
        left out.

    Raises:
        DataUnavailable: the folder or file does not exist, or holds no labeled picture.
        MalformedData: the CSV file lacks a column, or has a row that is not valid.
    """
    if not exists(data):
        raise DataUnavailable(
            f"no data at {data}; expected a folder with one sub-folder per digit or a "
            f"{LABELS_FILE}, or a CSV file with {', '.join(REQUIRED_COLUMNS)}"
        )
    table = find_label_table(data) if data.is_dir() else data
    labeled = _read_table(table) if table else _list_subfolders(data)
    if not labeled:
        raise DataUnavailable(
            f"no labelled picture in {data}; expected sub-folders 0 to 9 with files such as "
            f"digit.png, or {LABELS_FILE} with {', '.join(REQUIRED_COLUMNS)}, which mnist-edge "
            "label writes"
        )
    return labeled


def _read_table(table: Path) -> list[LabeledPicture]:
    return [
        LabeledPicture(
            path=row.path,
            digit=None if row.label.text == NO_DIGIT else int(row.label.text),
            box=row.label.box,
        )
        for row in read_label_table(table)
        if row.label.text != UNLABELED
    ]


def _list_subfolders(folder: Path) -> list[LabeledPicture]:
    return [
        LabeledPicture(
            path=path.relative_to(folder).as_posix(),
            digit=None if name == NO_DIGIT else int(name),
        )
        for name in LABELS
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]


def _crop(image: Image.Image, box: BoxEdges, name: str) -> NDArray[np.uint8]:
    """Return a box of a picture in RGB, with the paper around it that there is."""
    left, top, right, bottom = box
    width, height = upright_size(image)
    if left >= width or top >= height:
        raise UnreadablePicture(
            f"{name} has {width}x{height} pixels and nothing in the box {box}; label it again"
        )
    margin = round(_BOX_MARGIN * max(right - left, bottom - top))
    edges = (max(0, left - margin), max(0, top - margin), right + margin, bottom + margin)
    return upright_part(image, (*edges[:2], min(width, edges[2]), min(height, edges[3])))
