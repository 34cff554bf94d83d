"""Reports as JSON documents and as files."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.render.summary_svg import report_to_svg
from mnist_edge.evaluation.report.results import SCHEMA_VERSION, Report
from mnist_edge.metrics.intervals import Interval
from mnist_edge.system.files import read_regular_file, write_json, write_text

_DECIMALS = 6
"""Decimal places in JSON; shares of 10,000 pictures need four."""
_EXPECTED = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
"""JSON's names for the plain types of fields."""


def report_to_dict(report: Report) -> dict[str, Any]:
    """Convert a report to the document that ``report.json`` holds."""
    return cast("dict[str, Any]", _encode(report))


def report_from_dict(document: Mapping[str, Any]) -> Report:
    """Convert a document back to a report; unknown keys are ignored.

    Raises:
        InvalidValue: a field is missing or has the wrong type, or there is no scheme.
    """
    report = cast("Report", _decode(Report, document, "report"))
    if not report.schemes:
        raise InvalidValue("the report has no scheme")
    return report


def rounded(report: Report) -> Report:
    """Round a report's figures as ``report.json`` does, so that every rendering agrees with it."""
    return report_from_dict(report_to_dict(report))


def report_schema() -> dict[str, Any]:
    """Read the JSON Schema (draft 2020-12) of ``report.json``."""
    file = resources.files("mnist_edge.evaluation.report") / "report.schema.json"
    return cast("dict[str, Any]", json.loads(file.read_text("utf-8")))


def save_report(report: Report, folder: Path) -> list[Path]:
    """Write a report into a folder as JSON, Markdown, HTML and SVG.

    Returns:
        The written files.

    Raises:
        NotWritable: the folder cannot be written.
    """
    report = rounded(report)
    files = [folder / f"report.{suffix}" for suffix in ("json", "md", "html", "svg")]
    write_json(files[0], report_to_dict(report))
    write_text(files[1], report_to_markdown(report))
    write_text(files[2], report_to_html(report))
    write_text(files[3], report_to_svg(report))
    return files


def load_report(path: Path) -> Report:
    """Read a ``report.json`` of this schema version, by this release or an older one.

    Raises:
        InvalidValue: the file cannot be read or is not such a report.
    """
    try:
        document = json.loads(read_regular_file(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidValue(f"cannot read {path} ({reason}); expected a report.json") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise InvalidValue(
            f"{path} has schema version {version!r}, expected {SCHEMA_VERSION}; make it again "
            "with: mnist-edge report"
        )
    try:
        return report_from_dict(document)
    except InvalidValue as error:
        raise InvalidValue(
            f"{path} is not a report: {error}; make it again with: mnist-edge report"
        ) from error


def _encode(value: Any) -> Any:
    """Convert a value to JSON's types, with floats rounded."""
    if dataclasses.is_dataclass(value):
        return {_key(f): _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return round(value, _DECIMALS) if isinstance(value, float) else value


def _decode(kind: Any, value: Any, place: str) -> Any:
    """Convert a JSON value to the annotated type ``kind``.

    Raises:
        InvalidValue: the value does not fit, with its ``place`` in the document.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is types.UnionType:  # every union of a report is with None
        return None if value is None else _decode(arguments[0], value, place)
    if kind is Interval:
        ends = _decode(tuple[float, ...], value, place)
        _require(len(ends) == 2, value, place, "two numbers")
        return Interval(*ends)
    if origin is tuple:
        _require(isinstance(value, list), value, place, "a list")
        return tuple(
            _decode(arguments[0], item, f"{place}[{number}]") for number, item in enumerate(value)
        )
    if origin is dict:
        _require(isinstance(value, dict), value, place, "an object")
        return {key: _decode(arguments[1], item, f"{place}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        _require(isinstance(value, dict), value, place, "an object")
        return _decode_dataclass(kind, value, place)
    accepted = (int, float) if kind is float else kind
    # A bool is an int to Python, and not to JSON.
    fits = isinstance(value, accepted) and isinstance(value, bool) == (kind is bool)
    _require(fits, value, place, _EXPECTED[kind])
    return value


def _decode_dataclass(kind: Any, document: dict[str, Any], place: str) -> Any:
    hints = _type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        key = _key(field)
        if key in document:
            values[field.name] = _decode(hints[field.name], document[key], f"{place}.{key}")
        elif field.default is dataclasses.MISSING:
            raise InvalidValue(f"{place} has no {key}")
    return kind(**values)


@functools.cache
def _type_hints(kind: Any) -> dict[str, Any]:
    """Return the annotations of a dataclass as types."""
    return get_type_hints(kind)


def _key(field: dataclasses.Field[Any]) -> str:
    """Return a field's name in JSON."""
    return str(field.metadata.get("json", field.name))


def _require(condition: bool, value: Any, place: str, expected: str) -> None:
    if not condition:
        raise InvalidValue(f"{place} is {value!r:.60}; expected {expected}")
