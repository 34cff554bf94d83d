"""``mnist-edge report``: what quantization costs, measured on the device runtime."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import (
    GATE_MISSED,
    RUNS,
    DataOption,
    DocumentFormat,
    RuntimeOption,
    note,
    progress,
    table,
)

if TYPE_CHECKING:
    from mnist_edge.dataset import Digits
    from mnist_edge.report import Report


def command(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model folder, or a shipped or installed model.",
            show_default="the model in use",
        ),
    ] = None,
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; a model folder's own else."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option("--max-drop", help="Exit 3 if a scheme loses more percentage points."),
    ] = None,
    output: Annotated[
        DocumentFormat, typer.Option("--format", "-f", help="How to print.")
    ] = DocumentFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Measure every scheme of a model on MNIST's 10,000 test digits.

    Prints a table, and writes report.json and report.md into the folder; a
    shipped or installed model's are written to runs/MODEL. Needs no TensorFlow.
    """
    from mnist_edge import dataset, modelstore
    from mnist_edge.errors import InvalidValue
    from mnist_edge.files import exists, require_writable
    from mnist_edge.report import to_document

    if max_drop is not None and math.isnan(max_drop):
        raise InvalidValue("--max-drop nan is no number of percentage points")
    found = modelstore.find_folder(model)
    folder = out or (found if model is not None and exists(model) else RUNS / found.name)
    require_writable(folder)
    measured = measure_and_save(model, folder, dataset.load_test(data))
    if output is DocumentFormat.json:
        typer.echo(json.dumps(to_document(measured), indent=2))
    else:
        typer.echo(report_text(measured))
    note(f"wrote {folder / 'report.json'} and report.md")
    if max_drop is not None and measured.worst_drop() > max_drop:
        note(f"gate missed: a drop of {measured.worst_drop():.2f} points, {max_drop:g} allowed")
        raise typer.Exit(GATE_MISSED)


def measure_and_save(model: str | None, folder: Path, test: Digits) -> Report:
    """Measures a model folder under a progress bar and writes the report.

    Where the report goes beside the model, the test scores go into the manifests.
    """
    from mnist_edge import modelstore, report
    from mnist_edge.files import write_text

    models = modelstore.load_all(model)
    if sys.stderr.isatty():
        with progress(len(models) * len(test), "measuring") as bar:
            measured = report.measure(models, test, on_progress=bar.update)
    else:
        measured = report.measure(models, test, on_progress=lambda count: None)
    report.save(measured, folder)
    results = {result.scheme: result for result in measured.results}
    for stored in models:
        manifest = report.with_test_score(stored, results[stored.path.stem])
        if manifest is not None and stored.path.parent.resolve() == folder.resolve():
            write_text(stored.path.with_suffix(".json"), manifest)
    return measured


def report_text(measured: Report) -> str:
    """The report as a terminal shows it: the verdict, then the table."""
    from mnist_edge import report

    return f"{report.verdict(measured)}\n\n{table(report.HEADER, report.rows(measured))}"
