"""A report as JSON: to a document and a file, and back to a document from one."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.render import to_html, to_markdown, to_picture
from mnist_edge.evaluation.report.results import SCHEMA_VERSION, Report
from mnist_edge.system.files import write_json, write_text

_DECIMALS = 6
"""Digits after the point; 10,000 pictures have shares of four."""


def to_document(report: Report) -> dict[str, Any]:
    """The report as JSON has it; the times stand apart from what every run repeats."""
    document: dict[str, Any] = _plain(report)
    return document


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every document meets."""
    text = (resources.files("mnist_edge.evaluation.report") / "report.schema.json").read_text(
        "utf-8"
    )
    document: dict[str, Any] = json.loads(text)
    return document


def save(report: Report, folder: Path) -> list[Path]:
    """Writes the report into a folder, in every form there is.

    Returns:
        The files.

    Raises:
        NotWritable: the folder cannot be written.
    """
    document = to_document(report)
    files = [folder / f"report.{kind}" for kind in ("json", "md", "html", "svg")]
    write_json(files[0], document)
    write_text(files[1], to_markdown(document))
    write_text(files[2], to_html(document))
    write_text(files[3], to_picture(document))
    return files


def load(path: Path) -> dict[str, Any]:
    """Reads a document that ``save`` wrote.

    Raises:
        InvalidValue: it cannot be read, is no report, or one of another release.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidValue(f"cannot read {path} ({reason}); expected a report.json") from error
    found = document.get("schema_version") if isinstance(document, dict) else None
    if found != SCHEMA_VERSION or not isinstance(document.get("schemes"), list):
        raise InvalidValue(
            f"{path} is no report of schema version {SCHEMA_VERSION}, but {found!r}; make it "
            "again with: mnist-edge report"
        )
    read: dict[str, Any] = document
    return read


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return round(value, _DECIMALS) if isinstance(value, float) else value
