"""Read a task's pictures into a part of the output, and count what a part holds.

A part is written at once, under its own name, when all of its pictures have been read. It is
the record of its task: whoever runs the task again, after a fault or with ``--resume``, finds it
and counts it. So no row is lost and none is there twice.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_edge.deployment.cluster import storage
from mnist_edge.deployment.cluster.plan import BatchPlan, Task
from mnist_edge.deployment.cluster.sources import TaskPictures
from mnist_edge.deployment.cluster.summary import Tally, tally_columns
from mnist_edge.errors import CheckpointMismatch
from mnist_edge.inference.batch import Outcome, outcome_document
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.columns import (
    SCHEMA_VERSION,
    answer_columns,
    answer_schema,
    read_pictures,
)
from mnist_edge.system.text import one_line, to_unicode

_CHUNK = 1024
"""Number of pictures whose answers are held as Python's objects."""
_COUNTED = ("digit", "abstained", "error_type", "text")
"""Columns that are counted; the last is a page's."""
_DAMAGES = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a part raises that holds something else."""
_VERSION = {b"mnist_edge_schema": str(SCHEMA_VERSION).encode()}


def part_name(task: Task, output_format: str) -> str:
    """Return the name of a task's part; names sort as their tasks do."""
    return f"part-{task.number:06}.{output_format}"


def write_part(
    plan: BatchPlan,
    task: Task,
    classifier: Classifier,
    *,
    out: str,
    output_format: str,
    read_all: bool,
) -> tuple[Tally, bool]:
    """Read the pictures of a task and write their rows, unless its part is there.

    Returns:
        What the part holds, and whether it was written now.

    Raises:
        NotWritable: the part cannot be written.
        StorageFailed: the input does not answer any more.
    """
    location = storage.join(out, part_name(task, output_format))
    if storage.is_there(location):
        return tally_part(location), False
    pictures = TaskPictures(plan, task)
    part: _Part = _JsonPart() if output_format == "jsonl" else _ParquetPart(read_all=read_all)
    tally = Tally()
    rows = iter(pictures)
    while True:
        named: list[tuple[str, dict[str, Any]]] = []
        outcomes = read_pictures(classifier, _take(rows, named), read_all=read_all)
        if not outcomes:
            break
        columns = answer_columns(outcomes, read_all=read_all)
        tally.add(tally_columns(columns))
        part.add(named, outcomes, columns, pictures.schema)
    storage.write_file(location, part.content())
    return tally, True


def _take(rows: Iterator[Any], named: list[tuple[str, dict[str, Any]]]) -> Iterator[Any]:
    """Yield the next pictures with their paths, and keep what is passed on."""
    for path, picture, passed in islice(rows, _CHUNK):
        named.append((path, passed))
        yield path, picture


class _Part(Protocol):
    """A part in one format, which grows in memory: its rows are small."""

    def add(
        self,
        named: Sequence[tuple[str, dict[str, Any]]],
        outcomes: Sequence[Outcome],
        columns: Mapping[str, Sequence[Any]],
        passed: pa.Schema,
    ) -> None:
        """Add rows."""

    def content(self) -> bytes:
        """Return the file's bytes."""


class _JsonPart:
    """The lines that ``predict --format jsonl`` prints, with the columns that are passed on."""

    def __init__(self) -> None:
        self._lines = io.StringIO()

    def add(
        self,
        named: Sequence[tuple[str, dict[str, Any]]],
        outcomes: Sequence[Outcome],
        columns: Mapping[str, Sequence[Any]],
        passed: pa.Schema,
    ) -> None:
        for (path, others), outcome in zip(named, outcomes, strict=True):
            row = {"path": path, **others, **outcome_document(outcome)}
            self._lines.write(json.dumps(row, default=str) + "\n")

    def content(self) -> bytes:
        return self._lines.getvalue().encode("ascii")


class _ParquetPart:
    """The answers' columns after the path and the columns that are passed on."""

    def __init__(self, *, read_all: bool) -> None:
        self._answers = answer_schema(read_all=read_all)
        self._tables: list[pa.Table] = []

    def add(
        self,
        named: Sequence[tuple[str, dict[str, Any]]],
        outcomes: Sequence[Outcome],
        columns: Mapping[str, Sequence[Any]],
        passed: pa.Schema,
    ) -> None:
        values = {
            "path": [to_unicode(path) for path, _ in named],
            **{n: [row[n] for _, row in named] for n in passed.names},
            **columns,
        }
        schema = pa.schema([pa.field("path", pa.string()), *passed, *self._answers], _VERSION)
        self._tables.append(pa.table(values, schema))

    def content(self) -> bytes:
        stream = io.BytesIO()
        schema = pa.schema([pa.field("path", pa.string()), *self._answers], _VERSION)
        pq.write_table(pa.concat_tables(self._tables or [schema.empty_table()]), stream)
        return stream.getvalue()


def tally_part(location: str) -> Tally:
    """Count what a part holds.

    Raises:
        StorageFailed: it cannot be read.
        CheckpointMismatch: it holds something else.
    """
    with storage.failing(location):
        try:
            return _tally_part(location)
        except (*_DAMAGES, *storage.FAILURES) as error:
            if storage.is_unanswered(error):
                raise
            raise CheckpointMismatch(
                f"{storage.split_query(location)[0]} is not a part of a run ({one_line(error)}); "
                "delete it, and --resume reads its pictures again"
            ) from error


def _tally_part(location: str) -> Tally:
    if storage.split_query(location)[0].endswith(".jsonl"):
        rows = [_answers(json.loads(line)) for line in storage.read_file(location).splitlines()]
        names = _COUNTED if any("text" in row for row in rows) else _COUNTED[:-1]
        return tally_columns({name: [row.get(name) for row in rows] for name in names})
    with storage.open_file(location) as stream:
        file = pq.ParquetFile(stream)
        counted = [name for name in _COUNTED if name in file.schema_arrow.names]
        return tally_columns(file.read(counted).to_pydict())


def _answers(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is counted of a JSON line, as the answers' columns have it."""
    if "error" in document:
        return {"error_type": document["error"]["type"]}
    if "digits" not in document:
        return dict(document)
    reasons = (one["abstained"] for one in document["digits"] if "abstained" in one)
    blank = None if document["digits"] else "blank"
    return {"text": document["text"], "abstained": next(reasons, blank)}
