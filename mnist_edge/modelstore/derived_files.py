"""Find reports and C sources in a model folder whose model files are gone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from mnist_edge.system.files import not_writable, read_regular_file

_REPORT = "report.json"
_REPORT_PAGES = ("report.md", "report.html", "report.svg")
_SOURCES = ("model.h", "model.c", "c/*.h", "c/*.c")
_SOURCE_HASH = re.compile(r"\bsha256 ([0-9a-f]{16,64})\b")
"""How a generated C source names the model that it was made from."""


def remove_stale_files(folder: Path) -> list[Path]:
    """Remove reports and C sources of models that the folder no longer holds.

    Whatever does not name a model's hash was not made by this project, and is left alone.

    Returns:
        The removed files.

    Raises:
        NotWritable: one cannot be removed.
    """
    # Also files of other settings, such as int8-uint8.
    hashes = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*.tflite")
        if path.is_file()
    }
    stale = [*_stale_report(folder, hashes), *_stale_sources(folder, hashes)]
    for path in stale:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise not_writable(path, error) from error
    return stale


def _stale_report(folder: Path, hashes: dict[str, str]) -> Iterator[Path]:
    try:
        report = json.loads(read_regular_file(folder / _REPORT))
        reported = {scheme["scheme"]: scheme["sha256"] for scheme in report["schemes"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    if any(hashes.get(scheme) != sha256 for scheme, sha256 in reported.items()):
        yield from (path for name in (*_REPORT_PAGES, _REPORT) if (path := folder / name).is_file())


def _stale_sources(folder: Path, hashes: dict[str, str]) -> Iterator[Path]:
    for pattern in _SOURCES:
        for path in sorted(folder.glob(pattern)):
            try:
                found = _SOURCE_HASH.search(read_regular_file(path).decode("utf-8"))
            except (OSError, UnicodeDecodeError):
                continue
            if found and not any(sha256.startswith(found[1]) for sha256 in hashes.values()):
                yield path
