"""Find the pictures to read: in files, folders and patterns, in a list, in a share of them.

Paths are yielded one by one. No more than ``_MAX_NAMES`` names of a folder are held at a time, so
that a million pictures take no more memory than a thousand.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

from mnist_edge.errors import (
    InvalidValue,
    MnistEdgeError,
    PictureError,
    PictureNotFound,
    UnreadablePicture,
)
from mnist_edge.preprocessing.decoding import SUFFIXES, Picture
from mnist_edge.system.files import file_mode
from mnist_edge.system.records import record
from mnist_edge.system.text import one_line

FoundPicture: TypeAlias = tuple[str, PictureError | None]
"""The path of a picture, with the error if there is no such picture."""

Result = TypeVar("Result")

_MAX_NAMES = 1 << 16
"""Number of a folder's names that are held at a time; a folder with more is listed again for the
next ones, which takes about a second for a million."""
_MAX_LINE = 1 << 16
"""Bytes of a line of a list: no system takes a path that is nearly as long."""


@record(frozen=True, kw_only=True)
class Shard:
    """One of several shares of all pictures, the same on every machine."""

    number: int
    """The share's number, 1 to ``total``."""
    total: int
    """Number of shares."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse a shard such as ``3/16``.

        Raises:
            InvalidValue: the text is not K/N with whole numbers and 1 <= K <= N.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        number, total = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= total:
            raise InvalidValue(f"shard {text!r}: expected one such as 3/16, from 1/16 to 16/16")
        return cls(number=number, total=total)

    def holds(self, path: str) -> bool:
        """Check whether a picture belongs to this share, by a hash of its path as it is given."""
        # Windows separates the same path by backslashes.
        portable = path.replace(os.sep, "/").encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(portable).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.number - 1


def find_pictures(names: Iterable[str]) -> Iterator[FoundPicture]:
    """Yield every picture that the names stand for, in their order.

    A folder stands for the image files in it and below it, sorted; a pattern for what it matches.
    A name that stands for no picture is yielded itself, with the error.
    """
    for name in names:
        mode = 0 if name == "-" else file_mode(name)
        is_there = name == "-" or mode != 0
        if not is_there:
            every: Iterator[FoundPicture] = chain.from_iterable(map(_expand, _matches(name)))
        else:
            every = _walk(str(Path(name))) if stat.S_ISDIR(mode) else iter([(name, None)])
        is_empty = True
        for found in every:
            is_empty = False
            yield found
        if is_empty and is_there:
            yield name, PictureNotFound(f"no picture in {name}; expected files such as digit.png")
        elif is_empty:
            yield name, PictureNotFound(f"no picture {name}; check the path")


def _matches(pattern: str) -> list[str]:
    # Not needed for the names of files.
    import glob

    # Path.glob accepts no absolute pattern; glob.glob accepts what a shell would.
    return sorted(glob.glob(pattern))  # noqa: PTH207


def _expand(match: str) -> Iterator[FoundPicture]:
    if stat.S_ISDIR(file_mode(match)):
        yield from _walk(str(Path(match)))
    else:
        yield match, None


def _walk(folder: str) -> Iterator[FoundPicture]:
    """Yield the pictures in a folder and below it, sorted by path."""
    import heapq

    last = ""
    while True:
        try:
            names = heapq.nsmallest(_MAX_NAMES, (name for name in _entries(folder) if name > last))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            yield folder, PictureNotFound(f"cannot list {folder}: {reason}; check its permissions")
            return
        for name in names:
            # Path(".") / "a.png" is "a.png".
            path = name if folder == "." else os.path.join(folder, name)  # noqa: PTH118
            if name.endswith("/"):
                yield from _walk(path[:-1])
            else:
                yield path, None
        if len(names) < _MAX_NAMES:
            return
        last = names[-1]


def _entries(folder: str) -> Iterator[str]:
    """Yield the names of a folder's pictures and, with a slash at the end, of its folders.

    With the slash a folder sorts as the paths below it do. Links to folders are left out, because
    they may lead round in circles.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and _is_file(entry):  # noqa: PTH122
                yield entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Check whether an entry is a file, or one that reading it will say why it is not."""
    try:
        return entry.is_file()
    except OSError:
        # A link to itself, for example: an error of its own, not of the whole folder.
        return True


def read_path_list(source: str) -> Iterator[FoundPicture]:
    """Yield the pictures that a list names, one path per line, each taken literally.

    Args:
        source: the list's path, or ``-`` for standard input.

    Raises:
        InvalidValue: the list does not exist or cannot be read.
    """
    try:
        # sys.stdin is None if the program was started with standard input closed.
        stdin: BinaryIO | None = sys.stdin.buffer if sys.stdin else None
        with nullcontext(stdin) if source == "-" else Path(source).open("rb") as lines:
            # A line is a path: a file without any, such as a device, is not read into memory.
            for number, line in enumerate(_lines(lines), 1):
                if len(line) > _MAX_LINE:
                    raise InvalidValue(
                        f"--paths-from {source}: line {number} has more than {_MAX_LINE:,} bytes; "
                        "expected a file with one path per line"
                    )
                path = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                if path == "-":
                    yield path, PictureNotFound("- in a list names no picture; expected a path")
                elif path:
                    yield path, None
    except OSError as error:
        raise InvalidValue(
            f"--paths-from {source}: {error.strerror or error}; expected a file with one path per "
            "line, or - for standard input"
        ) from error


def _lines(stream: BinaryIO | None) -> Iterator[bytes]:
    """Yield the lines of a stream, one that is too long by its first ``_MAX_LINE`` + 1 bytes."""
    if stream is not None:
        yield from iter(lambda: stream.readline(_MAX_LINE + 1), b"")


def read_picture(found: FoundPicture, read: Callable[[Picture], Result]) -> Result | PictureError:
    """Read one picture, and return the result or the error that prevented it.

    Args:
        found: the picture's path, ``-`` for standard input; an error with it is returned.
        read: reads a picture, for example ``Classifier.predict``.
    """
    path, error = found
    return attempt_read(_open(path), read, name=path) if error is None else error


def attempt_read(
    picture: Picture, read: Callable[[Picture], Result], *, name: str
) -> Result | PictureError:
    """Read one picture, and return the result or the error that prevented it.

    Args:
        picture: the picture itself.
        read: as for ``read_picture``.
        name: its name in messages.
    """
    try:
        return read(picture)
    except PictureError as reason:
        return reason
    except MnistEdgeError:
        raise
    except Exception as reason:  # noqa: BLE001  # one picture must not end a run
        cause = f"{type(reason).__name__}: {one_line(reason)}"
        return UnreadablePicture(f"{name} cannot be read ({cause}); please report it")


def _open(path: str) -> Picture:
    if path != "-":
        return path
    # sys.stdin is None if the program was started with standard input closed.
    return sys.stdin.buffer if sys.stdin else b""
