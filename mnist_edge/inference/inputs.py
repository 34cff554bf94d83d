"""Which pictures are meant: by files, folders and patterns, by a list, by a share of them.

Paths come one by one. Of a folder no more names are held than ``_HELD``, so that a million pictures
take no more memory than a thousand.
"""

from __future__ import annotations

import glob
import hashlib
import heapq
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from mnist_edge.errors import InvalidValue, PictureError, PictureNotFound
from mnist_edge.preprocessing.decoding import SUFFIXES, Picture
from mnist_edge.system.files import exists

Found: TypeAlias = tuple[str, PictureError | None]
"""A picture's path, with the error where there is none."""

_HELD = 1 << 16
"""Names of a folder that are held at a time; one with more is looked through again for the next,
which takes a second or so for a million."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of several shares of all pictures, the same on every machine."""

    number: int
    """From 1."""
    total: int
    """How many shares there are."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard as it is typed, ``3/16``.

        Raises:
            InvalidValue: no two whole numbers, or the first not among 1 to the second.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        number, total = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= total:
            raise InvalidValue(f"shard {text!r}: expected one such as 3/16, from 1/16 to 16/16")
        return cls(number=number, total=total)

    def holds(self, path: str) -> bool:
        """Whether a picture is of this share: told by a hash of its path as it is given."""
        # Windows writes the same path otherwise.
        named = path.replace(os.sep, "/").encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(named).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.number - 1


def find_pictures(names: Iterable[str]) -> Iterator[Found]:
    """Every picture that some names stand for, in order.

    A folder stands for the image files in it and below it, sorted; a pattern for what it matches.
    A name that stands for none comes back itself, with the error.
    """
    for name in names:
        there = name == "-" or exists(name)
        # Path.glob takes no absolute pattern; glob.glob takes what a shell would.
        matches = [name] if there else sorted(glob.glob(name))  # noqa: PTH207
        empty = True
        for match in matches:
            for found in _below(match):
                empty = False
                yield found
        if empty and there:
            yield name, PictureNotFound(f"no picture in {name}; expected files such as digit.png")
        elif empty:
            yield name, PictureNotFound(f"no picture {name}; check the path")


def _below(name: str) -> Iterator[Found]:
    if name == "-" or not os.path.isdir(name):  # noqa: PTH112  # as fast as there is
        yield name, None
    else:
        yield from _within(str(Path(name)))


def _within(folder: str) -> Iterator[Found]:
    """The pictures in a folder and below it, in the order of their paths."""
    last = ""
    while True:
        try:
            names = heapq.nsmallest(_HELD, (name for name in _entries(folder) if name > last))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            yield folder, PictureNotFound(f"cannot look into {folder}: {reason}; check it")
            return
        for name in names:
            # Path(".") / "a.png" is "a.png".
            path = name if folder == "." else os.path.join(folder, name)  # noqa: PTH118
            if name.endswith("/"):
                yield from _within(path[:-1])
            else:
                yield path, None
        if len(names) < _HELD:
            return
        last = names[-1]


def _entries(folder: str) -> Iterator[str]:
    """The names of a folder's pictures, and of its folders with a slash.

    So they sort as the paths below them do. Links to folders may lead round in circles, and are
    left out.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():  # noqa: PTH122
                yield entry.name


def picture_at(path: str) -> Picture:
    """What to read for a path: standard input for ``-``."""
    if path != "-":
        return path
    # Python has no standard input where the program was started with it closed.
    return sys.stdin.buffer if sys.stdin else b""


def listed_pictures(source: str) -> Iterator[Found]:
    """The pictures that a list names, a path a line, each taken as it stands.

    Args:
        source: the list's path, or ``-`` for standard input.

    Raises:
        InvalidValue: there is no such list, or it cannot be read.
    """
    try:
        # Python has no standard input where the program was started with it closed.
        stdin: BinaryIO | None = sys.stdin.buffer if sys.stdin else None
        with nullcontext(stdin) if source == "-" else Path(source).open("rb") as lines:
            for line in lines or ():
                path = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
                if path == "-":
                    yield path, PictureNotFound("- in a list names no picture; expected a path")
                elif path:
                    yield path, None
    except OSError as error:
        raise InvalidValue(
            f"--paths-from {source}: {error.strerror or error}; expected a file of paths, one a "
            "line, or - for standard input"
        ) from error
