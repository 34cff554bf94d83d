"""``mnist-edge report --compare-with``: what a fine-tuned model gained and lost."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mnist_edge.commands.console import (
    GATE_FAILED,
    format_table,
    note,
    progress_bar,
    warn,
    wrap,
)
from mnist_edge.commands.options import RUNS
from mnist_edge.errors import InvalidValue
from mnist_edge.system.files import exists
from mnist_edge.system.text import percent, signed

if TYPE_CHECKING:
    from mnist_edge.evaluation.report.gain import GainLimits, GainReport

_MAX_CHANGED = 10
"""Changed pictures that are printed; the page shows all."""


def report_gain(
    model: str | None,
    old_model: str,
    folders: Sequence[Path],
    *,
    limits: GainLimits,
    mnist_data: Path | None,
    out: Path | None,
    output_format: str,
) -> None:
    """Compare a model with the one that it is to replace; write the pages and print the result.

    Args:
        model: the new model; None for the model in use.
        old_model: the model to compare with.
        folders: the owner's labelled pictures.
        limits: the gates.
        mnist_data: where MNIST is.
        out: the folder to write; by default the new model's, or ``runs/MODEL``.
        output_format: text, json, markdown or html.

    Raises:
        MnistEdgeError: a model or the pictures are missing.
        typer.Exit: a gate failed.
    """
    from mnist_edge.data.mnist import load_test_digits
    from mnist_edge.evaluation.report import gain
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.training_pictures import find_training_pictures
    from mnist_edge.modelstore.loading import find_model_folder
    from mnist_edge.system.files import require_writable

    if not folders:
        raise InvalidValue("--compare-with compares on your pictures: add --pictures FOLDER")
    files = find_training_pictures(folders)
    folder = find_model_folder(model)
    if out is None:
        out = folder if model is not None and exists(model) else RUNS / folder.name
    require_writable(out)
    old, new = Classifier(old_model), Classifier(folder if model is not None else None)
    if old.model.sha256 == new.model.sha256:
        raise InvalidValue(f"{old_model} and {model or 'the model in use'} are the same model")
    test = load_test_digits(mnist_data)
    steps = gain.count_gain_steps(files, test)
    bar = progress_bar(steps, "comparing") if sys.stderr.isatty() else nullcontext()
    with bar as drawn:
        report = gain.measure_gain(
            old,
            new,
            files,
            test,
            learned=gain.learned_files(folder),
            limits=limits,
            on_progress=drawn.update if drawn else lambda count: None,
        )
    for problem in report.unreadable[:_MAX_CHANGED]:
        warn(f"{problem.path} is left out: {problem.reason}")
    written = _write(report, out)
    typer.echo(_rendered(report, output_format), nl=False)
    note(f"wrote {', '.join(map(str, written))}")
    if not all(gate.passed for gate in report.gates):
        raise typer.Exit(GATE_FAILED)


def _document(report: GainReport) -> dict[str, object]:
    return {**dataclasses.asdict(report), "better": report.is_better, "verdict": report.verdict}


def _write(report: GainReport, folder: Path) -> list[Path]:
    """Write the report as JSON, Markdown and HTML."""
    from mnist_edge.evaluation.report.render.gain_page import gain_to_html, gain_to_markdown
    from mnist_edge.system.files import write_json, write_text

    files = [folder / f"gain.{suffix}" for suffix in ("json", "md", "html")]
    write_json(files[0], _document(report))
    write_text(files[1], gain_to_markdown(report))
    write_text(files[2], gain_to_html(report))
    return files


def _rendered(report: GainReport, output_format: str) -> str:
    from mnist_edge.evaluation.report.render.gain_page import gain_to_html, gain_to_markdown

    if output_format == "json":
        return json.dumps(_document(report), indent=2) + "\n"
    if output_format in ("markdown", "html"):
        return {"markdown": gain_to_markdown, "html": gain_to_html}[output_format](report)
    return format_gain(report) + "\n"


def format_gain(report: GainReport) -> str:
    """Format the report as text: the verdict, the gains, and the pictures that changed."""
    parts = [wrap(report.verdict)]
    if report.lineage:
        parts.append(wrap(f"{report.model}: {report.lineage}"))
    parts.append(
        format_table(
            ["pictures", "number", "before", "after", "gain", "95 % interval"],
            [
                [
                    one.name,
                    f"{one.pictures:,}",
                    percent(one.before),
                    percent(one.after),
                    f"{signed(one.gain_points)} points",
                    f"{signed(one.gain_interval.low)} to {signed(one.gain_interval.high)}",
                ]
                for one in report.sets
            ],
        )
    )
    notes = [f"{report.learned} of your pictures were learned, and are left out"]
    notes += [f"not measured: {one}" for one in report.left_out]
    notes += [
        f"{gate.name} {gate.limit:g}: {'passed' if gate.passed else 'missed'} with "
        f"{signed(gate.value)} points"
        for gate in report.gates
    ]
    parts.append("\n".join(map(wrap, notes)))
    if report.changed:
        rows = [[one.path, one.label, one.before, one.after] for one in report.changed]
        parts.append(
            format_table(["changed picture", "label", "before", "after"], rows[:_MAX_CHANGED])
        )
    return "\n\n".join(parts)
