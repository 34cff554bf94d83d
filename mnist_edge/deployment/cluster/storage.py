"""Read and write files on this machine and in object storage.

A location is a path of this machine, or a URL such as ``s3://bucket/digits`` that pyarrow's file
systems open. A URL's query holds their settings, for example ``?endpoint_override=HOST:PORT``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import fs

from mnist_edge.errors import InvalidValue, NotWritable, StorageFailed
from mnist_edge.system import files
from mnist_edge.system.text import one_line

_STREAM_BYTES = 1 << 23
"""Bytes that are fetched ahead of an archive's reader."""
_CHUNK = 1 << 20
"""Bytes that are read at a time."""
FAILURES = (OSError, pa.ArrowException)
"""What pyarrow raises when it cannot read or write: not all of it is an ``OSError``."""
_RETRY_SECONDS = 60
"""Time after which Google's storage is taken not to answer; 15 minutes by default."""
_UNAUTHORIZED = re.compile(
    "ACCESS_DENIED|PERMISSION_DENIED|UNAUTHENTICATED|access token|credential"
)
"""What a storage says to somebody whom it does not know."""
_OF_A_STORAGE = re.compile("AWS Error|google::cloud::")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


def is_url(location: str) -> bool:
    """Return whether a location is a URL, and not a path of this machine."""
    return bool(_SCHEME.match(location))


def split_query(location: str) -> tuple[str, str]:
    """Return a location without its query, and the query with its question mark or nothing."""
    if not is_url(location):
        return location, ""
    name, mark, query = location.partition("?")
    return name, mark + query


def join(folder: str, name: str) -> str:
    """Return the location of a name in a folder; of a path that is absolute, the path."""
    if not is_url(folder):
        return os.path.join(folder, name)  # noqa: PTH118  # "./" of a name is kept
    base, query = split_query(folder)
    return f"{base.rstrip('/')}/{name}{query}"


def is_there(location: str) -> bool:
    """Return whether there is a file or a folder at a location."""
    return _kind(location) is not fs.FileType.NotFound


def is_folder(location: str) -> bool:
    """Return whether a location is a folder."""
    return _kind(location) is fs.FileType.Directory


def list_folder(folder: str) -> list[str]:
    """Return the files in a folder, sorted, without those that ``.`` or ``_`` hide.

    Returns:
        Their locations, without a query.

    Raises:
        StorageFailed: the folder cannot be listed.
    """
    entries = _visible(folder)
    return [location for location, is_folder in entries if not is_folder]


def walk(folder: str) -> Iterator[str]:
    """Yield the files in a folder and below it, as ``list_folder`` does.

    The names of one folder are held at a time.

    Raises:
        StorageFailed: a folder cannot be listed.
    """
    for location, is_folder in _visible(folder):
        if is_folder:
            yield from walk(location + split_query(folder)[1])
        else:
            yield location


@contextmanager
def open_file(location: str) -> Iterator[Any]:
    """Open a file for reading, in any order.

    Raises:
        StorageFailed: it cannot be opened.
    """
    with failing(location):
        system, path = _resolve(location)
        if not is_url(location):
            files.require_regular_file(location)
        stream = system.open_input_file(path)
    with stream:
        yield stream


@contextmanager
def open_stream(location: str) -> Iterator[Any]:
    """Open a file for reading from its start to its end, some megabytes at a time.

    Raises:
        StorageFailed: it cannot be opened.
    """
    with failing(location):
        system, path = _resolve(location)
        if not is_url(location):
            files.require_regular_file(location)
        # Without a buffer, each read of some bytes is a request.
        stream = system.open_input_stream(path, compression=None, buffer_size=_STREAM_BYTES)
    with stream:
        yield stream


def read_file(location: str, limit: int = -1) -> bytes:
    """Return a file's bytes, up to a limit.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        StorageFailed: the storage does not answer.
    """
    system, path = _resolve(location)
    try:
        with system.open_input_stream(path, compression=None) as stream:
            content: bytes = stream.read(None if limit < 0 else limit)
            return content
    except (FileNotFoundError, PermissionError):
        raise
    except FAILURES as error:
        # That of S3 has no class of its own.
        if "ACCESS_DENIED" in str(error):
            raise PermissionError(str(error)) from error
        raise _failed(location, error) from error


def read_lines(location: str) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, without their ends.

    Raises:
        StorageFailed: it cannot be read.
    """
    rest = b""
    with open_file(location) as stream:
        while chunk := stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > files.MAX_FILE_BYTES:
                raise StorageFailed(f"{split_query(location)[0]} has no lines; expected paths")
            yield from filter(None, (line.rstrip(b"\r") for line in lines))
    if rest:
        yield rest


@contextmanager
def writing_file(location: str) -> Iterator[IO[bytes] | Any]:
    """Open a file for writing; it is there once the block has ended.

    Raises:
        NotWritable: it cannot be written.
    """
    if not is_url(location):
        with files.replacing(Path(location)) as temporary, temporary.open("wb") as stream:
            yield stream
        return
    system, path = _resolve(location)
    try:
        with system.open_output_stream(path) as stream:
            yield stream
    except FAILURES as error:
        raise NotWritable(
            f"cannot write {split_query(location)[0]}: {one_line(error)}; choose another place, or "
            "make it writable"
        ) from error


def remove_unfinished(folder: str) -> None:
    """Remove the temporary files in a folder whose writers were killed; a URL has none."""
    if not is_url(folder):
        for path in Path(folder).glob(".part-*"):
            path.unlink(missing_ok=True)


def write_file(location: str, content: bytes) -> None:
    """Write a file, completely or not at all.

    Raises:
        NotWritable: it cannot be written.
    """
    with writing_file(location) as stream:
        stream.write(content)


def _kind(location: str) -> Any:
    system, path = _resolve(location)
    with failing(location):
        return system.get_file_info(path).type


def _visible(folder: str) -> list[tuple[str, bool]]:
    """Return the location of each entry of a folder, and whether it is a folder, by name."""
    base = split_query(folder)[0]
    with failing(folder):
        if is_url(folder):
            system, path = _resolve(folder)
            found = system.get_file_info(fs.FileSelector(path))
            entries = [(one.base_name, one.type is fs.FileType.Directory) for one in found]
        else:
            # Names that are not Unicode are an error to pyarrow.
            with os.scandir(folder) as here:
                entries = [(one.name, _is_folder(one)) for one in here]
    visible = (entry for entry in entries if not entry[0].startswith((".", "_")))
    return sorted((join(base, name), is_folder) for name, is_folder in visible)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which is refused as a file later
        return False


def _resolve(location: str) -> tuple[Any, str | bytes]:
    """Return the file system of a location, and the path in it."""
    name, query = split_query(location)
    if not is_url(name):
        return fs.LocalFileSystem(), os.fsencode(Path(name).absolute())
    scheme, _, rest = name.partition("://")
    host, _, path = rest.partition("/")
    user, _, bucket = host.rpartition("@")
    if ":" in user:
        raise InvalidValue(
            f"{scheme}://...@{bucket}: a secret in a URL would stand in messages and in the plan; "
            "sign in as for the storage's own tool, such as by AWS_SECRET_ACCESS_KEY"
        )
    system, root = _open_system(f"{scheme}://{host}{'' if host else '/'}{query}")
    return system, f"{root.rstrip('/')}/{path}".rstrip("/")


@lru_cache
def _open_system(url: str) -> tuple[Any, str]:
    """Open the file system of a bucket once a process: each has its own connections."""
    if url.startswith(("gs://", "gcs://")) and "retry_limit_seconds=" not in url:
        url += f"{'&' if '?' in url else '?'}retry_limit_seconds={_RETRY_SECONDS}"
    try:
        system, root = fs.FileSystem.from_uri(url)
    except (ValueError, NotImplementedError) as error:
        raise InvalidValue(
            f"cannot open {split_query(url)[0]}: {one_line(error)}; expected a path, s3:// or gs://"
        ) from error
    except FAILURES as error:
        raise _failed(url, error) from error
    return system, str(root)


@contextmanager
def failing(location: str) -> Iterator[None]:
    """Raise an error of this package in place of pyarrow's.

    Raises:
        StorageFailed: the location cannot be read.
    """
    try:
        yield
    except FAILURES as error:
        raise _failed(location, error) from error


def is_unanswered(error: BaseException) -> bool:
    """Return whether an error is of a disk or a storage, and not of what a file there holds."""
    return getattr(error, "errno", None) is not None or bool(_OF_A_STORAGE.search(str(error)))


def _failed(location: str, error: BaseException) -> StorageFailed:
    unknown = is_url(location) and _UNAUTHORIZED.search(str(error))
    advice = "sign in as for the storage's own tool" if unknown else "check it"
    reason = getattr(error, "strerror", None) or one_line(error)
    return StorageFailed(
        f"cannot read {split_query(location)[0]}: {reason}; {advice}, and go on with --resume"
    )
