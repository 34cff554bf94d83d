"""``labels.csv``: which digit each picture shows, or each box in a picture.

The columns ``path`` and ``label`` are required. A label is a digit 0 to 9, ``x`` for a picture or a
box that shows no digit, or empty where nobody has labeled it yet. The columns ``left``, ``top``,
``right`` and ``bottom`` are a box in pixels of the picture, upright, as ``predict --all`` gives it;
all four are empty, or absent, for a whole picture. Other columns are kept as they are.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mnist_edge.errors import MalformedData
from mnist_edge.system.files import read_regular_file, write_text
from mnist_edge.system.text import one_line, shorten

LABELS_FILE = "labels.csv"
"""A folder's file of labels."""
NO_DIGIT = "x"
"""The label of a picture or a box without a digit."""
UNLABELED = ""
"""The label of what nobody has labeled yet."""
LABELS = (*"0123456789", NO_DIGIT)
"""What may be given to a picture."""
REQUIRED_COLUMNS = ("path", "label")

BoxEdges: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture; right and bottom are exclusive."""

_MAX_QUOTE = 100
"""Characters of a cell that are quoted."""
_EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a picture, or a box in it, shows."""

    text: str
    """One of ``LABELS``, or empty where it is not known yet."""
    box: BoxEdges | None = None
    """Where it is; None for the whole picture."""


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """A row of a table."""

    path: str
    """The picture, relative to the table's folder."""
    label: Label
    others: tuple[tuple[str, str], ...] = ()
    """The columns that mean nothing here, with their values."""


def find_label_table(folder: Path) -> Path | None:
    """Return the table of a folder; None if it has none.

    Raises:
        MalformedData: there is something else of that name, or a link to what is not there: labels
            that were given before would be lost.
    """
    table = folder / LABELS_FILE
    if not os.path.lexists(table):
        return None
    if not table.is_file():
        raise MalformedData(
            f"{table} is no file that can be read; mount what it links to, or remove it"
        )
    return table


def read_label_table(table: Path) -> list[LabelRow]:
    """Read a table of labels.

    Raises:
        MalformedData: it is not a CSV in UTF-8, lacks a column, or has a row that is not valid.
    """
    try:
        # Spreadsheets begin a CSV with a byte order mark.
        text = read_regular_file(table).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="")
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MalformedData(f"cannot read {table} ({error}); expected a CSV in UTF-8") from error
    missing = [column for column in REQUIRED_COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise MalformedData(
            f"{table} has no column {missing[0]}; expected a first line with "
            f"{','.join(REQUIRED_COLUMNS)}"
        )
    return [_parse_row(row, f"row {number} of {table}") for number, row in enumerate(rows, start=2)]


def write_label_table(table: Path, rows: Sequence[LabelRow]) -> None:
    """Write a table of labels, completely or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    others = list(dict.fromkeys(name for row in rows for name, _ in row.others))
    edges = _EDGES if any(row.label.box for row in rows) else ()
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [*REQUIRED_COLUMNS, *edges, *others], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for row in rows:
        cells: dict[str, object] = {"path": row.path, "label": row.label.text, **dict(row.others)}
        if row.label.box:
            cells |= dict(zip(_EDGES, row.label.box, strict=True))
        writer.writerow(cells)
    write_text(table, text.getvalue())


def replace_labels(rows: Iterable[LabelRow], path: str, labels: Sequence[Label]) -> list[LabelRow]:
    """Return the rows with other labels for one picture, in its place or at the end.

    Args:
        rows: of a table.
        path: of the picture.
        labels: the new ones, none to forget the picture. Other columns stay those of its first row.
    """
    kept = list(rows)
    own = [at for at, row in enumerate(kept) if row.path == path]
    at = own[0] if own else len(kept)
    others = kept[at].others if own else ()
    new = [LabelRow(path=path, label=label, others=others) for label in labels]
    return [
        *kept[:at],
        *new,
        *(row for row in kept[at:] if row.path != path),
    ]


def _parse_row(row: dict[str, str | list[str] | None], where: str) -> LabelRow:
    # A row that is longer than the first line has the rest in a list, and a shorter one has None.
    cells = {name: value for name, value in row.items() if isinstance(value, str)}
    path, label = cells.get("path"), cells.get("label")
    text = None if label is None else label.strip().lower()
    if not path or (text != UNLABELED and text not in LABELS):
        raise MalformedData(
            f"{where} has path {_quote(path)} and label {_quote(label)}; expected a file and a "
            f"digit 0 to 9, {NO_DIGIT} for no digit, or nothing for a picture that has no label yet"
        )
    known = {*REQUIRED_COLUMNS, *_EDGES}
    return LabelRow(
        path=path,
        label=Label(text=text or UNLABELED, box=_parse_box(cells, where)),
        others=tuple((name, value) for name, value in cells.items() if name not in known),
    )


def _parse_box(cells: dict[str, str], where: str) -> BoxEdges | None:
    edges = [cells.get(name, "").strip() for name in _EDGES]
    if not any(edges):
        return None
    try:
        left, top, right, bottom = map(int, edges)
    except ValueError:
        left = top = right = bottom = 0
    if not (0 <= left < right and 0 <= top < bottom):
        raise MalformedData(
            f"{where} has the box {shorten(one_line(','.join(edges)), _MAX_QUOTE)}; expected "
            f"{','.join(_EDGES)} in pixels of the picture, or nothing in all four"
        )
    return left, top, right, bottom


def _quote(cell: str | None) -> str:
    """Return a cell as it stands in messages: it may be any text, of any length."""
    return "nothing" if cell is None else repr(shorten(cell, _MAX_QUOTE))
