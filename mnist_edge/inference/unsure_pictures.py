"""A folder of the pictures that a classifier was not sure of, for somebody to label.

Each picture is ``TIME-HASH.png`` (or its own format's suffix), as it came, and has beside it
``TIME-HASH.json``: ``path``, where it came from; ``time``; ``model`` with ``name`` and ``sha256``;
``min_confidence``; ``reasons``; and ``read``, what ``predict --format json`` writes of it. TIME is
in UTC, HASH the first digits of the picture's sha256. Only the owner may read the files.

Several processes may keep pictures in one folder. What is in it besides is left alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from mnist_edge.data.label_table import LABELS_FILE, UNLABELED, read_label_table
from mnist_edge.errors import MalformedData, MnistEdgeError, NotWritable, PictureError
from mnist_edge.inference.batch import Outcome, outcome_document
from mnist_edge.inference.classifier import CLEAR_CONFIDENCE, Classifier, Prediction
from mnist_edge.preprocessing.decoding import picture_suffix
from mnist_edge.system.files import locked, not_writable, require_writable, write_private_bytes

DEFAULT_MAX_BYTES = 100_000_000
"""Bytes that a folder takes at most, by default: some thousand photos of a phone, reduced, or a
hundred thousand drawings."""

_STEM = r"[0-9]{8}T[0-9]{9}Z-[0-9a-f]{16}"
_KEPT_TIME = re.compile(r"([0-9]{8}T[0-9]{6})([0-9]{3})Z-[0-9a-f]{16}")
_KEPT = re.compile(rf"({_STEM})\.(json|[a-z]+)")
_UNFINISHED = re.compile(rf"\.{_STEM}\.\w+\.[a-z]+")
"""What a process that was killed leaves of ``files.replacing``."""
_MAX_NAME = 4096
"""Characters of a picture's name that are kept: whoever uploads one chooses it."""
_MAX_RECORD_BYTES = 10_000_000
"""Size of a record, at most: a page of some ten thousand digits."""
_BLOCK = 4096
"""Bytes of a block on the disk, of which every file takes a whole number."""


@dataclass(frozen=True, kw_only=True)
class UnsureRecord:
    """What the file beside a kept picture says, of text that anybody may have written."""

    path: str
    """Where the picture came from."""
    time: str
    """When it was read, in ISO 8601."""
    model: str
    """Name of the model that read it."""
    reasons: tuple[str, ...]
    """Why it was kept."""
    has_boxes: bool
    """Whether every digit was read, each with a box."""


def read_unsure_record(picture: Path) -> UnsureRecord | None:
    """Read what was kept beside a picture; None if there is nothing, or something else."""
    content = _read_regular_file(str(picture.with_suffix(".json")), _MAX_RECORD_BYTES)
    try:
        record = json.loads(content or b"null")
        return UnsureRecord(
            path=str(record["path"]),
            time=str(record["time"]),
            model=str(record["model"]["name"]),
            reasons=tuple(map(str, record["reasons"])),
            has_boxes="digits" in record["read"],
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def kept_time(picture: Path) -> float | None:
    """Return when a picture was kept, in seconds since 1970; None if its name does not say so."""
    match = _KEPT_TIME.fullmatch(picture.stem)
    if not match:
        return None
    try:
        second = datetime.strptime(match[1] + "+0000", "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None
    return second.timestamp() + int(match[2]) / 1000


def unsure_reasons(outcome: Outcome) -> list[str]:
    """Return why a picture was not read surely, each reason once; none if it was.

    Returns:
        ``low-confidence`` and ``not-one-digit`` for abstentions, ``unclear`` for a digit whose
        confidence is below that from which on a picture is read in one way only. A blank picture
        has nothing to label.
    """
    if isinstance(outcome, PictureError):
        return []
    predictions = (
        [outcome] if isinstance(outcome, Prediction) else [one.prediction for one in outcome.digits]
    )
    reasons = [
        one.abstained or "unclear"
        for one in predictions
        if one.abstained != "blank" and (one.abstained or one.confidence < CLEAR_CONFIDENCE)
    ]
    return list(dict.fromkeys(reasons))


class UnsurePictures:
    """A folder of unsure pictures, bounded in bytes.

    The oldest pictures make room for new ones, but not those that ``labels.csv`` has labels of.
    Keeping a picture never ends a run: what prevents it is reported once.

    Args:
        folder: created for its owner alone if it does not exist.
        max_bytes: that its pictures take on the disk, at most.
        warn: takes a message when pictures cannot be kept any more.

    Raises:
        NotWritable: the folder cannot be created or written to.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        warn: Callable[[str], None],
    ) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(folder, error) from error
        require_writable(folder)
        self._folder, self._max_bytes, self._warn = folder, max_bytes, warn
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._kept: dict[str, int] = {}
        self._labeled: set[str] = set()
        self._has_warned = False

    def keep_file(self, path: str, outcome: Outcome, classifier: Classifier) -> Path | None:
        """Keep a picture that was read from a file, if it was not read surely.

        Args:
            path: of the file; a link to one is not followed.
            outcome: what was read in it.
            classifier: what read it.

        Returns:
            Where the picture is kept; None if it is not.
        """
        if not unsure_reasons(outcome):
            return None
        content = _read_regular_file(path, self._max_bytes)
        return None if content is None else self.keep(content, outcome, classifier, name=path)

    def keep(
        self, content: bytes, outcome: Outcome, classifier: Classifier, *, name: str
    ) -> Path | None:
        """Keep an encoded picture if it was not read surely, and is not kept already.

        Args:
            content: the picture, as it came.
            outcome: what was read in it.
            classifier: what read it.
            name: where it came from.

        Returns:
            Where the picture is kept; None if it is not.
        """
        reasons = unsure_reasons(outcome)
        if not reasons:
            return None
        now = datetime.now(timezone.utc)
        record = {
            "path": name[:_MAX_NAME],
            "time": now.isoformat(timespec="milliseconds"),
            "model": {"name": classifier.model.name, "sha256": classifier.model.sha256},
            "min_confidence": classifier.min_confidence,
            "reasons": reasons,
            "read": outcome_document(outcome),
        }
        digest = hashlib.sha256(content).hexdigest()[:16]
        stem = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z-{digest}"
        text = json.dumps(record, indent=2).encode("ascii") + b"\n"
        try:
            suffix = picture_suffix(content)
            with self._lock, locked(self._folder):
                return self._write(stem, suffix, content, text)
        except MnistEdgeError as error:
            self._warn_once(str(error))
            return None

    def _write(self, stem: str, suffix: str, content: bytes, record: bytes) -> Path | None:
        self._refresh()
        digest = stem.rpartition("-")[2]
        if any(kept.endswith(digest) for kept in self._kept):
            return None
        size = _on_disk(len(content)) + _on_disk(len(record))
        if not self._make_room(size):
            self._warn_once(
                f"{self._folder} has no room for further unsure pictures: {self._max_bytes:,} "
                "bytes are taken, by labelled ones too; move those elsewhere, or allow more by "
                "--keep-unsure-bytes"
            )
            return None
        picture = self._folder / f"{stem}{suffix}"
        # A picture is never there without its record.
        write_private_bytes(picture.with_suffix(".json"), record)
        write_private_bytes(picture, content)
        self._kept[stem] = size
        self._stamp = self._folder_stamp()
        return picture

    def _refresh(self) -> None:
        """List the folder again, if anybody changed it since."""
        stamp = self._folder_stamp()
        if stamp == self._stamp:
            return
        self._kept = {}
        pictures = set()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _UNFINISHED.fullmatch(entry.name):
                    # Whoever writes holds the lock, so nobody does any more.
                    _remove(Path(entry.path))
                elif (match := _KEPT.fullmatch(entry.name)) and entry.is_file(
                    follow_symlinks=False
                ):
                    stem, suffix = match.groups()
                    size = _on_disk(entry.stat(follow_symlinks=False).st_size)
                    self._kept[stem] = self._kept.get(stem, 0) + size
                    if suffix != "json":
                        pictures.add(stem)
        for stem in self._kept.keys() - pictures:
            self._forget(stem)
        self._labeled = set(self._labeled_stems())

    def _labeled_stems(self) -> Iterator[str]:
        table = self._folder / LABELS_FILE
        if not table.is_file():
            return
        try:
            rows = read_label_table(table)
        except MalformedData:
            # Somebody edits it; until it can be read again, nothing makes room.
            yield from self._kept
            return
        yield from (Path(row.path).stem for row in rows if row.label.text != UNLABELED)

    def _make_room(self, size: int) -> bool:
        """Remove the oldest pictures until there is room for one of this size.

        Returns:
            Whether there is; if not, nothing is removed.
        """
        excess = sum(self._kept.values()) + size - self._max_bytes
        leaving = []
        for stem in sorted(self._kept):
            if excess <= 0:
                break
            if stem not in self._labeled:
                leaving.append(stem)
                excess -= self._kept[stem]
        if excess > 0:
            return False
        for stem in leaving:
            self._forget(stem)
        return True

    def _forget(self, stem: str) -> None:
        for path in self._folder.glob(f"{stem}.*"):
            _remove(path)
        del self._kept[stem]

    def _folder_stamp(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError as error:
            raise not_writable(self._folder, error) from error

    def _warn_once(self, message: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._warn(f"an unsure picture is not kept: {message}")


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise NotWritable(f"cannot remove {path}: {error.strerror or error}") from error


def _read_regular_file(path: str, limit: int) -> bytes | None:
    """Return a file's content; None for a link, a pipe, or what is gone or larger than a limit."""
    # Windows has neither flag, and no links for everybody.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):
        return None
    with open(descriptor, "rb") as stream:  # noqa: PTH123  # no path leads to a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = stream.read(limit + 1)
    return content if len(content) <= limit else None
