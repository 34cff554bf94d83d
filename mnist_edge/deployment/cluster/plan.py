"""Plan a run: what is read, by which tasks, into which parts.

The plan is written to the output folder before any picture is read. A run that goes on with
``--resume`` follows it, so that each task means the same pictures as before, and a part that is
there is a task that is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_edge import __version__
from mnist_edge.deployment.cluster import storage
from mnist_edge.errors import CheckpointMismatch, InvalidValue, PictureNotFound, StorageFailed
from mnist_edge.inference.columns import PICTURE_COLUMNS, SCHEMA_VERSION, picture_column
from mnist_edge.inference.inputs import FoundPicture, find_pictures, read_path_list
from mnist_edge.preprocessing.decoding import SUFFIXES
from mnist_edge.system.text import one_line

Kind: TypeAlias = Literal["paths", "tar", "parquet"]
"""Pictures in files of their own, in tar archives, or in a column of parquet files."""

PLAN, INPUTS = "_plan.json", "_inputs.jsonl"
"""Files in the output folder: the plan, and the paths of pictures in files of their own."""
MAX_RETRIES = 4
"""Number of times that a task runs again whose process or machine was lost."""
_STRIDE = 256
"""Number of paths of which a task has whole multiples."""
_PART_ROWS = 10_240
"""Number of pictures of a task at most, by default: seconds of work, and a part of a megabyte."""
_TASKS = 16
"""Number of tasks that fewer pictures are split into."""
_THREADS = 16
"""Number of parquet files whose metadata are read at a time."""
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True, kw_only=True)
class Task:
    """Pictures that are read together, into one part."""

    number: int
    """The part's number, from 0."""
    source: str
    """Location of the list, the archive or the parquet file that holds them."""
    start: int = 0
    """The first byte of the list, or the first row group of the parquet file."""
    stop: int = 0
    """The byte or row group after the last; of an archive, nothing."""
    pictures: int | None = None
    """Number of pictures; None for an archive, which is not read before."""


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """What a run reads."""

    kind: Kind
    source: str
    """The input as it was named."""
    folder: str
    """The folder that relative paths start in."""
    column: str | None
    """The column of a parquet file that holds pictures."""
    tasks: tuple[Task, ...]

    @property
    def pictures(self) -> int | None:
        """Number of pictures; None if archives are read."""
        counts = [task.pictures for task in self.tasks]
        return None if None in counts else sum(filter(None, counts))


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """How pictures are read; a run goes on with the same settings alone."""

    model_sha256: str
    """The sha256 of the model, hexadecimal."""
    min_confidence: float
    """Calibrated probability below which the model abstains."""
    read_all: bool
    """Whether every digit of a picture is read."""
    output_format: str
    """``parquet`` or ``jsonl``."""


def make_plan(
    source: str,
    out: str | None,
    *,
    column: str | None = None,
    part_rows: int | None = None,
    read_all: bool = False,
) -> BatchPlan:
    """Find the pictures of an input, and split them into tasks.

    Args:
        source: a folder of pictures, of tar archives or of parquet files; one of the latter; or a
            list of paths, ``-`` for standard input.
        out: the output folder, which the paths of pictures are written to; None for a dry run.
        column: the column of a parquet file that holds pictures; ``bytes``, ``pixels`` or ``path``
            by default.
        part_rows: most pictures of a task.
        read_all: whether every digit of a picture is read, which adds columns.

    Raises:
        InvalidValue: the input does not exist, holds several kinds, or has no column of pictures.
        PictureNotFound: there is no picture.
        StorageFailed: the input cannot be read.
    """
    found = _find_files(source)
    kind: Kind = "paths" if found is None else found[0]
    if found is None:
        tasks = _plan_paths(_found_pictures(source), out, part_rows)
    else:
        files = found[1]
        if kind == "tar":
            tasks = [Task(number=number, source=name) for number, name in enumerate(files)]
        else:
            rows = part_rows or _PART_ROWS
            column, tasks = _plan_parquet(source, files, column, rows, read_all=read_all)
    if not tasks:
        raise PictureNotFound(f"no picture in {source}; expected files such as digit.png")
    return BatchPlan(
        kind=kind,
        source=source,
        folder=str(Path.cwd()),
        column=column,
        tasks=tuple(tasks),
    )


def save_plan(out: str, plan: BatchPlan, settings: BatchSettings) -> None:
    """Write a plan with the settings that it is for to the output folder.

    Raises:
        NotWritable: the folder cannot be written.
    """
    document = {
        "mnist_edge": __version__,
        "schema_version": SCHEMA_VERSION,
        "settings": asdict(settings),
        "plan": {**asdict(plan), "tasks": [list(asdict(task).values()) for task in plan.tasks]},
    }
    storage.write_file(storage.join(out, PLAN), json.dumps(document).encode())


def load_plan(out: str, settings: BatchSettings) -> BatchPlan | None:
    """Return the plan of an output folder; None if it has none.

    Raises:
        CheckpointMismatch: it was made with other settings, or by another version.
    """
    location = storage.join(out, PLAN)
    if not storage.is_there(location):
        return None
    try:
        document = json.loads(storage.read_file(location))
        plan = _parse_plan(document["plan"])
        before, schema = dict(document["settings"]), document["schema_version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointMismatch(
            f"{location} is not the plan of a run ({one_line(error)}); name another OUT"
        ) from error
    now = {"schema_version": SCHEMA_VERSION, **asdict(settings)}
    differing = [
        name
        for name, value in now.items()
        if {**before, "schema_version": schema}.get(name) != value
    ]
    if differing:
        raise CheckpointMismatch(
            f"the run in {storage.split_query(out)[0]} was started with another "
            f"{', '.join(differing)}; resume it with the same, or name another OUT"
        )
    return plan


def _parse_plan(fields: dict[str, Any]) -> BatchPlan:
    """Return the plan of ``asdict``'s document, whose tasks are lists.

    Raises:
        ValueError: a field holds something else.
    """
    names = list(Task.__dataclass_fields__)
    tasks = [Task(**dict(zip(names, task, strict=True))) for task in fields.pop("tasks")]
    plan = BatchPlan(**fields, tasks=tuple(tasks))
    texts = [plan.source, plan.folder, *(task.source for task in tasks)]
    counts = [(task.start, task.stop, task.pictures or 0) for task in tasks]
    is_sound = (
        plan.kind in get_args(Kind)
        and all(isinstance(text, str) for text in texts)
        and isinstance(plan.column, str | None)
        and all(type(count) is int and count >= 0 for task in counts for count in task)
        and [task.number for task in tasks] == [*range(len(tasks))]
    )
    if not is_sound:
        raise ValueError("its tasks are none")
    return plan


def resolve(plan: BatchPlan, location: str) -> str:
    """Return where a name of the plan is: in the folder, and with the settings, it was named in."""
    if storage.is_url(location):
        name, query = storage.split_query(location)
        return name + (query or storage.split_query(plan.source)[1])
    # Messages name a picture as it was given, where that is possible. Path.cwd takes five times as
    # long, and this is called for each picture.
    here = os.getcwd()  # noqa: PTH109
    return location if plan.folder == here else storage.join(plan.folder, location)


def encode_path(found: FoundPicture) -> bytes:
    """Return a found picture as a line, whatever characters its path has."""
    path, error = found
    reason = [] if error is None else [type(error).__name__, str(error)]
    return json.dumps([path, *reason]).encode() + b"\n"


def _find_files(source: str) -> tuple[Kind, list[str]] | None:
    """Return the archives or parquet files that an input consists of; None for pictures.

    Raises:
        InvalidValue: there is no such file, or a folder holds both.
    """
    if source == "-":
        return None
    if not storage.is_there(source):
        raise InvalidValue(
            f"no file or folder {storage.split_query(source)[0]}; expected pictures, tar archives, "
            "parquet files or a list of paths"
        )
    if not storage.is_folder(source):
        kind = _kind_of(source)
        return None if kind is None else (kind, [storage.split_query(source)[0]])
    kinds: dict[Kind, list[str]] = {}
    # Archives lie at the top; a folder of pictures may have millions below.
    for name in storage.list_folder(source):
        if kind := _kind_of(name):
            kinds.setdefault(kind, []).append(name)
    if len(kinds) > 1:
        raise InvalidValue(f"{source} holds tar archives and parquet files; name a folder of one")
    return next(iter(kinds.items()), None)


def _kind_of(location: str) -> Kind | None:
    name = storage.split_query(location)[0].lower()
    if name.endswith(_TAR_SUFFIXES):
        return "tar"
    return "parquet" if name.endswith(".parquet") else None


def _found_pictures(source: str) -> Iterator[FoundPicture]:
    """Find the pictures of a folder or a list."""
    if source == "-" or not storage.is_folder(source):
        if storage.is_url(source):
            for line in storage.read_lines(source):
                yield line.decode("utf-8", "surrogateescape"), None
            return
        yield from read_path_list(source)
    elif storage.is_url(source):
        for location in storage.walk(source):
            if Path(location).suffix.lower() in SUFFIXES:
                yield location, None
    else:
        yield from find_pictures([source])


def _plan_paths(
    found: Iterable[FoundPicture], out: str | None, part_rows: int | None
) -> list[Task]:
    """Write the paths of pictures to the output folder, and cut the list into tasks."""
    stride = min(_STRIDE, part_rows or _STRIDE)
    if out is None:
        return _cut(*_write_paths(found, lambda line: None, stride), stride, "", part_rows)
    location = storage.join(out, INPUTS)
    with storage.writing_file(location) as stream:
        offsets, count = _write_paths(found, stream.write, stride)
    return _cut(offsets, count, stride, location, part_rows)


def _write_paths(
    found: Iterable[FoundPicture], write: Callable[[bytes], Any], stride: int
) -> tuple[list[int], int]:
    """Write a line per picture; return where each ``stride`` of them begin, and their number."""
    offsets, count, size = [0], 0, 0
    for one in found:
        line = encode_path(one)
        write(line)
        count, size = count + 1, size + len(line)
        if not count % stride:
            offsets.append(size)
    if count % stride:
        offsets.append(size)
    return offsets, count


def _cut(
    offsets: Sequence[int], count: int, stride: int, location: str, part_rows: int | None
) -> list[Task]:
    rows = part_rows or min(_PART_ROWS, max(_STRIDE, count // _TASKS))
    step = max(1, rows // stride)
    return [
        Task(
            number=number,
            source=location,
            start=offsets[first],
            stop=offsets[min(first + step, len(offsets) - 1)],
            pictures=min(step * stride, count - first * stride),
        )
        for number, first in enumerate(range(0, len(offsets) - 1, step))
    ]


def _plan_parquet(
    source: str, files: Sequence[str], column: str | None, part_rows: int, *, read_all: bool
) -> tuple[str, list[Task]]:
    """Choose the column of pictures, and group the row groups of each file into tasks."""
    with ThreadPoolExecutor(_THREADS) as pool:
        query = storage.split_query(source)[1]
        found = list(pool.map(_read_row_groups, (name + query for name in files)))
    column = _picture_column(found[0][0], column, read_all=read_all)
    if odd := next(
        (name for name, one in zip(files, found, strict=True) if column not in one[0].names), None
    ):
        raise InvalidValue(f"{odd} has no column {column!r}, which {files[0]} has")
    tasks: list[Task] = []
    for name, (_, groups) in zip(files, found, strict=True):
        start = rows = 0
        for group, count in enumerate(groups):
            if rows and rows + count > part_rows:
                tasks.append(_parquet_task(len(tasks), name, start, group, rows))
                start, rows = group, 0
            rows += count
        if rows:
            tasks.append(_parquet_task(len(tasks), name, start, len(groups), rows))
    return column, tasks


def _parquet_task(number: int, source: str, start: int, stop: int, rows: int) -> Task:
    return Task(number=number, source=source, start=start, stop=stop, pictures=rows)


def _read_row_groups(location: str) -> tuple[pa.Schema, list[int]]:
    """Return a parquet file's schema, and how many rows each of its groups has."""
    try:
        with storage.open_file(location) as stream, pq.ParquetFile(stream) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            return file.schema_arrow, groups
    # Names of columns may be no text.
    except (UnicodeDecodeError, *storage.FAILURES) as error:
        raise StorageFailed(
            f"cannot read {storage.split_query(location)[0]}: {one_line(error)}; expected parquet"
        ) from error


def _picture_column(schema: pa.Schema, column: str | None, *, read_all: bool) -> str:
    """Return the column that holds pictures, once others are known to collide with no answer.

    Raises:
        InvalidValue: there is none, it holds something else, or another has an answer's name.
    """
    others = [name for name in schema.names if name not in PICTURE_COLUMNS]
    if column is None and "image" in others:
        # As the datasets of Hugging Face name it.
        column = "image"
    if column is not None and column not in schema.names:
        raise InvalidValue(f"no column {column!r} among {', '.join(map(repr, schema.names))}")
    rest = [name for name in schema.names if name != column]
    found = picture_column(rest if column is None else [*rest, "bytes"], read_all=read_all)
    column = column or found
    if picture_kind(schema.field(column).type) is None:
        raise InvalidValue(
            f"column {column!r} holds {schema.field(column).type}; expected encoded images, lists "
            "of pixels, or paths"
        )
    return column


def picture_kind(kind: pa.DataType) -> str | None:
    """Return how a column of a type holds pictures, as one of ``PICTURE_COLUMNS``; None if not."""
    if pa.types.is_struct(kind):
        return "bytes" if kind.get_field_index("bytes") >= 0 else None
    for name, holds in (
        ("bytes", (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)),
        ("path", (pa.types.is_string, pa.types.is_large_string)),
        ("pixels", (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)),
    ):
        if any(one(kind) for one in holds):
            return name
    return None
