"""``mnist-edge report``: what quantization costs, measured on the device runtime."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import (
    GATE_MISSED,
    RUNS,
    MnistOption,
    PageFormat,
    RuntimeOption,
    note,
    progress_bar,
)
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.modelstore.loading import SCHEMES

if TYPE_CHECKING:
    from mnist_edge.evaluation.report.labeled_images import LabeledImages
    from mnist_edge.evaluation.report.results import Report
    from mnist_edge.modelstore.loading import StoredModel


def report_command(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model folder, or a shipped or installed model.",
            show_default="the model in use",
        ),
    ] = None,
    against: Annotated[
        str, typer.Option("--against", metavar="SCHEME", help="What to compare with.")
    ] = "float32",
    schemes: Annotated[
        list[str] | None,
        typer.Option("--scheme", metavar="SCHEME", help="Measure this one only; repeatable."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="mnist-test|PATH",
            help="Your pictures: a folder with a sub-folder a digit or a labels.csv, or a CSV "
            "with path,label.",
        ),
    ] = "mnist-test",
    mnist: MnistOption = None,
    corrupted: Annotated[
        int, typer.Option("--corrupted", min=0, help="Pictures to corrupt each way; 0 for none.")
    ] = 2_000,
    severities: Annotated[
        str, typer.Option("--severities", metavar="1,3,5", help="How much, 1 to 5; or all.")
    ] = "3",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; a model folder's own else."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option("--max-drop", help="Most points lost, at the interval's upper end."),
    ] = None,
    max_drop_point: Annotated[
        float | None, typer.Option("--max-drop-point", help="Most points lost as measured.")
    ] = None,
    max_drop_corrupted: Annotated[
        float | None,
        typer.Option(
            "--max-drop-corrupted",
            help="Most points lost under the worst corruption, at the interval's upper end.",
        ),
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option("--min-accuracy", help="Least accuracy in percent.")
    ] = None,
    max_size: Annotated[
        int | None, typer.Option("--max-size", help="Largest file in bytes.")
    ] = None,
    max_latency_ratio: Annotated[
        float | None,
        typer.Option("--max-latency-ratio", help="Longest median latency, in --against's."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the gates as JUnit XML, too.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", metavar="A.json B.json", help="Set two reports side by side instead."
        ),
    ] = None,
    output: Annotated[
        PageFormat, typer.Option("--format", "-f", help="How to print.")
    ] = PageFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Measure what each scheme of a model costs, with a verdict.

    Reads MNIST's test digits, or your pictures. Prints a verdict and tables, and
    writes report.json, .md, .html and .svg into the folder; a shipped or installed
    model's are written to runs/MODEL, those over your own pictures to
    runs/MODEL-DATA.
    Needs no TensorFlow. Where a gate (--max-..., --min-...) is missed, the exit
    status is 3.
    """
    from mnist_edge.commands.report_text import render_comparison, render_report
    from mnist_edge.evaluation.report.diff import diff_reports
    from mnist_edge.evaluation.report.document import load_report, rounded, save_report
    from mnist_edge.evaluation.report.gates import Limits, failure_messages
    from mnist_edge.evaluation.report.junit import report_to_junit
    from mnist_edge.evaluation.report.labeled_images import MNIST_TEST, find_labeled_images
    from mnist_edge.evaluation.report.measure import count_steps, measure_schemes
    from mnist_edge.evaluation.report.robustness import CorruptionPlan
    from mnist_edge.modelstore import loading
    from mnist_edge.system.files import exists, require_writable, write_text

    if compare:
        diff = diff_reports(*map(load_report, compare))
        typer.echo(render_comparison(diff, output.value), nl=False)
        return
    limits = Limits(
        max_drop=max_drop,
        max_drop_point=max_drop_point,
        max_drop_corrupted=max_drop_corrupted,
        min_accuracy=min_accuracy,
        max_size=max_size,
        max_latency_ratio=max_latency_ratio,
    )
    plan = CorruptionPlan(pictures=corrupted, severities=_severities(severities))
    limits.require(plan)
    found = loading.find_model_folder(model)
    labeled = None if data == MNIST_TEST else find_labeled_images(Path(data))
    if labeled is not None:
        beside = RUNS / f"{found.resolve().name}-{Path(data).resolve().stem}"
    else:
        beside = found if model is not None and exists(model) else RUNS / found.name
    folder = out or beside
    for written in (folder, *([junit.parent] if junit else [])):
        require_writable(written)
    models = _models(model, schemes, against)
    images = _mnist_test(mnist) if labeled is None else _own_pictures(Path(data), labeled)
    with _progressing(count_steps(models, images, plan), "measuring") as update:
        measured = measure_schemes(
            models,
            images,
            reference=against,
            plan=plan,
            command=f"mnist-edge {ctx.obj}" if ctx.obj else "mnist-edge report",
            on_progress=update,
        )
    measured = dataclasses.replace(measured, gates=limits.check(measured))
    files = save_report(measured, folder)
    if junit:
        write_text(junit, report_to_junit(measured))
    if labeled is None:
        _keep_test_scores(models, measured, folder)
    missed = failure_messages(measured.gates)
    for message in missed:
        note(message)
    typer.echo(render_report(rounded(measured), output.value), nl=False)
    note(f"wrote {', '.join(map(str, [*files, *([junit] if junit else [])]))}")
    if missed:
        raise typer.Exit(GATE_MISSED)


def _severities(said: str) -> tuple[int, ...]:
    """Numbers with commas between, or all."""
    from mnist_edge.data.corruptions import SEVERITIES

    if said == "all":
        return SEVERITIES
    try:
        return tuple(int(part) for part in said.split(","))
    except ValueError as error:
        raise InvalidValue(
            f"--severities {said}: expected numbers such as 1,3,5, or all"
        ) from error


def _models(model: str | None, schemes: Sequence[str] | None, against: str) -> list[StoredModel]:
    """Every scheme of a folder, or the reference and those that were named."""
    from mnist_edge.modelstore import loading

    for name in (against, *(schemes or ())):
        if name not in SCHEMES:
            raise UnknownName("scheme", name, SCHEMES)
    if not schemes:
        return loading.load_all_schemes(model)
    folder = loading.find_model_folder(model)
    return [loading.load_model(folder, scheme=name) for name in dict.fromkeys((against, *schemes))]


def _mnist_test(mnist: Path | None) -> LabeledImages:
    from mnist_edge.data.mnist import load_test_digits
    from mnist_edge.evaluation.report.labeled_images import mnist_test_images

    return mnist_test_images(load_test_digits(mnist))


def _own_pictures(data: Path, labeled: Sequence[tuple[str, int]]) -> LabeledImages:
    from mnist_edge.evaluation.report.labeled_images import read_labeled_images

    with _progressing(len(labeled), "reading pictures") as update:
        return read_labeled_images(data, labeled, on_progress=update)


def _keep_test_scores(models: Sequence[StoredModel], measured: Report, folder: Path) -> None:
    """Where the report goes beside the model, the test scores go into the manifests."""
    from mnist_edge.evaluation.report.measure import manifest_with_test_score
    from mnist_edge.system.files import write_text

    results = {scheme.scheme: scheme for scheme in measured.schemes}
    for stored in models:
        manifest = manifest_with_test_score(stored, results[stored.path.stem])
        if manifest is not None and stored.path.parent.resolve() == folder.resolve():
            write_text(stored.path.with_suffix(".json"), manifest)


@contextmanager
def _progressing(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """What to tell of progress, under a bar where there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with progress_bar(length, label) as bar:
        yield bar.update
