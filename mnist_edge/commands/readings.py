"""``mnist-edge readings``: prints what watch has read, or draws it."""

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import csv_writer, format_table, note
from mnist_edge.commands.options import ConfigOption, format_option, refuse_stdout
from mnist_edge.errors import InvalidValue

if TYPE_CHECKING:
    from mnist_edge.monitoring.history import HistorySettings
    from mnist_edge.monitoring.readings import ValueReading

EXAMPLES = """
mnist-edge readings --since 1d
mnist-edge readings --config watch.toml --region water --format csv > a.csv
mnist-edge readings --since 2026-11-01 --plot november.png
"""
USED_WITH = {
    "--forget": ("[HISTORY]", "--config"),
    "--plot": ("[HISTORY]", "--config", "--since", "--region"),
}


class ReadingsFormat(str, Enum):
    """Output formats of readings."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"
    json = "json"


def readings_command(
    history: Annotated[
        Path | None,
        typer.Argument(
            metavar="[HISTORY]",
            help="SQLite file that watch writes.",
            show_default="that of --config, or readings.db",
        ),
    ] = None,
    config: ConfigOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Leave out what is older: 12h, 7d, or a date such as 2026-11-01.",
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="Readings of this region only.")
    ] = None,
    output: Annotated[ReadingsFormat, format_option(ReadingsFormat)] = ReadingsFormat.table,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            callback=refuse_stdout,
            help="Draw the values over time as a PNG instead of printing them.",
        ),
    ] = None,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            metavar="NAME",
            help="Instead, accept this region's next value uncompared: the previous one is wrong.",
        ),
    ] = None,
) -> None:
    """Print the readings of a watched display, or draw them.

    A reading has what was read, with ? for a digit that was not, and the value
    that the rules made of it, or the rule that refused it. Times are local in the
    table, and UTC in the other formats; the newest is last.
    """
    from mnist_edge.monitoring.clock import parse_since
    from mnist_edge.monitoring.history import History

    start = None if since is None else parse_since(since, datetime.now(timezone.utc))
    settings = _history_settings(history, config)
    opened = History(settings, read_only=True)
    try:
        if forget is not None:
            _forget(settings, forget)
            return
        if region is not None:
            opened.require_region(region)
        found = opened.readings(since=start, region=region)
        if plot is None:
            _WRITERS[output](found)
        else:
            _draw(found, plot)
    finally:
        opened.close()


def _history_settings(history: Path | None, config: Path | None) -> "HistorySettings":
    """Return the history that is named, that of the settings, or the default.

    Raises:
        InvalidValue: both are named, or the settings cannot be read.
    """
    from mnist_edge.monitoring.history import HistorySettings
    from mnist_edge.monitoring.settings import history_settings, load_monitor_settings

    if history and config:
        raise InvalidValue(f"name either {history} or --config {config}, which names one itself")
    if history:
        return HistorySettings(path=history)
    kept = history_settings(load_monitor_settings(config), config) if config else None
    return kept or HistorySettings()


def _forget(settings: "HistorySettings", region: str) -> None:
    from mnist_edge.monitoring.history import History

    # It exists, and is opened again for writing.
    opened = History(settings)
    try:
        opened.forget(region)
    finally:
        opened.close()
    note(f"the next value of {region} counts uncompared")


def _draw(readings: "Iterable[ValueReading]", plot: Path) -> None:
    from mnist_edge.monitoring.value_plot import plot_values
    from mnist_edge.system.files import replacing

    if plot.suffix.lower() != ".png":
        raise InvalidValue(f"--plot {plot}: the drawing is a PNG; name a file that ends with .png")
    with replacing(plot) as temporary:
        plot_values(readings).save(temporary, "PNG")
    note(f"wrote {plot}")


def _print_table(readings: "Iterable[ValueReading]") -> None:
    rows = [
        [
            f"{one.time.astimezone():%Y-%m-%d %H:%M:%S}",
            one.region,
            "-" if one.value is None else f"{one.value:f}",
            one.unit,
            "" if one.rate is None else f"{one.rate:f}",
            one.raw,
            one.error or ("filled" if one.filled else ""),
        ]
        for one in readings
    ]
    if not rows:
        note("no readings")
        return
    typer.echo(format_table(["time", "region", "value", "unit", "per minute", "raw", "note"], rows))


def _print_csv(readings: "Iterable[ValueReading]") -> None:
    from mnist_edge.monitoring.readings import READING_FIELDS, reading_document

    writer = csv_writer(READING_FIELDS)
    writer.writeheader()
    writer.writerows(map(reading_document, readings))


def _print_jsonl(readings: "Iterable[ValueReading]") -> None:
    from mnist_edge.monitoring.readings import reading_document

    for one in readings:
        typer.echo(_to_json(reading_document(one)))


def _print_json(readings: "Iterable[ValueReading]") -> None:
    from mnist_edge.monitoring.readings import reading_document

    typer.echo(_to_json(list(map(reading_document, readings)), indent=2))


def _to_json(document: object, indent: int | None = None) -> str:
    """Return JSON whose units can be read, unless a character in it cannot be printed."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return text if text.replace("\n", "").isprintable() else json.dumps(document, indent=indent)


_WRITERS = {
    ReadingsFormat.table: _print_table,
    ReadingsFormat.csv: _print_csv,
    ReadingsFormat.jsonl: _print_jsonl,
    ReadingsFormat.json: _print_json,
}
