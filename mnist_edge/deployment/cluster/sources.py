"""Read the pictures of a task: files of their own, members of an archive, rows of parquet."""

from __future__ import annotations

import json
import lzma
import tarfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tarfile import HeaderError, ReadError, TarFile
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_edge.deployment.cluster import storage
from mnist_edge.deployment.cluster.plan import BatchPlan, Task, picture_kind, resolve
from mnist_edge.errors import (
    InvalidValue,
    MnistEdgeError,
    PictureError,
    PictureNotFound,
    UnreadablePicture,
)
from mnist_edge.inference.columns import to_pictures
from mnist_edge.preprocessing.decoding import MAX_FILE_BYTES, SUFFIXES, Picture
from mnist_edge.system.subprocesses import rebuild_error
from mnist_edge.system.text import one_line

if TYPE_CHECKING:
    from typing_extensions import Self

Row: TypeAlias = tuple[str, Any, dict[str, Any]]
"""A picture's path, the picture, the error or the path that it is read from, and other columns."""

_DAMAGES = (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What reading an archive raises that is cut off or holds something else."""
_FETCHED = 16
"""Number of pictures that are fetched from an object storage at a time: each takes some hundredths
of a second to arrive, whatever its size."""
_PARQUET_ROWS = 64
"""Number of rows of parquet that are held at a time: they may be photos."""


class TaskPictures:
    """The pictures of a task, which are read as they are consumed.

    Args:
        plan: what the run reads.
        task: one of its tasks.
    """

    def __init__(self, plan: BatchPlan, task: Task) -> None:
        self._plan, self._task = plan, task
        self.schema = pa.schema([])
        """Arrow types of the columns that are passed on; known with the first picture."""

    def __iter__(self) -> Iterator[tuple[str, Picture | PictureError, dict[str, Any]]]:
        """Yield each picture with its path and the columns that are passed on.

        Raises:
            StorageFailed: the list, the archive, the file or the storage does not answer.
        """
        with storage.failing(self._task.source):
            if self._plan.kind == "paths":
                yield from self._fetched(self._read_list())
            else:
                yield from self._read_damaged()

    def _read_damaged(self) -> Iterator[Row]:
        """Yield the pictures of an archive or of parquet; damage ends them with an error."""
        source, count = self._task.source, 0
        try:
            for row in self._read_tar() if self._plan.kind == "tar" else self._read_parquet():
                yield row
                count += 1
        except MnistEdgeError:
            raise
        except (*_DAMAGES, *storage.FAILURES) as error:
            if storage.is_unanswered(error):
                raise
            message = f"{source} is damaged after {count} pictures ({one_line(error)})"
            # Arrow's columns of the others have the same names.
            passed = dict.fromkeys(self.schema.names)
            yield source, UnreadablePicture(f"{message}; make it again"), passed

    def _read_list(self) -> Iterator[Row]:
        source = self._task.source
        # A URL of the list is in the output's storage, which may be another than the input's.
        with storage.open_file(
            source if storage.is_url(source) else resolve(self._plan, source)
        ) as stream:
            stream.seek(self._task.start)
            lines = stream.read(self._task.stop - self._task.start).splitlines()
        for line in lines:
            path, *reason = json.loads(line)
            yield path, rebuild_error(*reason) if reason else path, {}

    def _read_tar(self) -> Iterator[Row]:
        source = self._task.source
        with (
            storage.open_stream(resolve(self._plan, source)) as stream,
            tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Member) as archive,
        ):
            for member in archive:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    content: Any = archive.extractfile(member)
                    # Whatever size it claims, no more than of a file is read.
                    yield f"{source}/{member.name}", content.read(MAX_FILE_BYTES + 1), {}

    def _read_parquet(self) -> Iterator[Row]:
        source, column = self._task.source, str(self._plan.column)
        with storage.open_file(resolve(self._plan, source)) as stream:
            file = pq.ParquetFile(stream)
            kind = picture_kind(file.schema_arrow.field(column).type)
            passed = [name for name in file.schema_arrow.names if name not in (column, "path")]
            self.schema = pa.schema([file.schema_arrow.field(name) for name in passed])
            rows = self._read_batches(file, column, str(kind))
            yield from self._fetched(rows) if kind == "path" else rows

    def _read_batches(self, file: pq.ParquetFile, column: str, kind: str) -> Iterator[Row]:
        task = self._task
        groups = range(task.start, task.stop)
        number = sum(file.metadata.row_group(group).num_rows for group in range(task.start))
        for batch in file.iter_batches(_PARQUET_ROWS, groups):
            values = batch.column(column)
            if pa.types.is_struct(values.type):
                values = values.field("bytes")
            others = batch.drop_columns([column])
            pictures = to_pictures(kind, values)
            columns = [_to_python(other) for other in others.columns]
            for picture, *row in zip(pictures, *columns, strict=True):
                passed = dict(zip(others.schema.names, row, strict=True))
                named = passed.pop("path", None)
                if kind == "path" and isinstance(picture, str):
                    named = picture
                yield str(named or f"{task.source}#{number}"), picture, passed
                number += 1

    def _fetched(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Replace URLs by the bytes there, and paths by where they are."""
        with ThreadPoolExecutor(_FETCHED) as pool:
            pending: deque[tuple[str, Future[Any] | None, Any, dict[str, Any]]] = deque()
            for path, picture, passed in rows:
                place = resolve(self._plan, picture) if isinstance(picture, str) else picture
                is_remote = isinstance(place, str) and storage.is_url(place)
                future = pool.submit(_fetch, place) if is_remote else None
                pending.append((path, future, place, passed))
                if len(pending) > _FETCHED:
                    yield _arrived(*pending.popleft())
            while pending:
                yield _arrived(*pending.popleft())


class _Member(tarfile.TarInfo):
    """A member of an archive that does not just stop: tarfile takes that for its end."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        """Return the next member.

        Raises:
            ReadError: the archive was cut off between two.
        """
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise ReadError(f"{error} instead of a member or its end") from error


def _to_python(column: pa.Array) -> list[Any]:
    """Return a column's values; nanoseconds that Python's own times cannot hold are numbers."""
    try:
        values: list[Any] = column.to_pylist()
    except ValueError:
        values = column.cast(pa.int64()).to_pylist()
    return values


def _arrived(path: str, future: Future[Any] | None, picture: Any, passed: dict[str, Any]) -> Row:
    return path, future.result() if future else picture, passed


def _fetch(location: str) -> bytes | PictureError:
    """Fetch a picture's bytes; what is wrong with it alone is its error."""
    name = storage.split_query(location)[0]
    try:
        return storage.read_file(location, MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return PictureNotFound(f"no picture {name}; check the path")
    except PermissionError as error:
        return UnreadablePicture(f"cannot read {name}: {one_line(error)}")
    except InvalidValue as error:
        # A storage that nobody knows: one of a million lines is no reason to end.
        return PictureNotFound(str(error))
