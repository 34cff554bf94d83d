"""``mnist-edge report``: measures what quantization costs, on the device runtime."""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import GATE_FAILED, note, progress_bar, warn
from mnist_edge.commands.options import (
    RUNS,
    DataOption,
    MaxDropOption,
    MaxLossMnistOption,
    MinGainOption,
    PageFormat,
    RuntimeOption,
    complete_models,
    complete_schemes,
    format_option,
    list_option,
    max_drop_point_option,
    out_option,
    refuse_stdout,
)
from mnist_edge.commands.parsing import split_list
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.modelstore import SCHEMES
from mnist_edge.system.files import exists

if TYPE_CHECKING:
    from mnist_edge.data.labeled_pictures import LabeledPicture
    from mnist_edge.evaluation.report.labeled_images import LabeledImages
    from mnist_edge.evaluation.report.results import Report
    from mnist_edge.modelstore.loading import StoredModel

EXAMPLES = """
mnist-edge report runs/nano --max-drop 0.3 --junit gates.xml
mnist-edge report edge --pictures scans/ --scheme int8
mnist-edge report runs/edge-taught --pictures scans/ --compare-with edge
"""
NEEDS = {"--min-gain": "--compare-with", "--max-loss-mnist": "--compare-with"}
USED_WITH = {
    "--compare": ("--format",),
    "--compare-with": (
        *("MODEL", "--pictures", "--data", "--mnist", "--min-gain", "--max-loss-mnist"),
        *("--out", "--format", "--runtime"),
    ),
}
RENAMED = {"--severities": "--severity"}


def report_command(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, or a shipped or installed model.",
            show_default="the model in use",
            autocompletion=complete_models,
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="SCHEME",
            help="Scheme to compare with.",
            autocompletion=complete_schemes,
        ),
    ] = "float32",
    schemes: Annotated[
        list[str] | None,
        list_option(
            "--scheme",
            metavar="SCHEME",
            description="Schemes to measure",
            default="all in the folder",
            completion=complete_schemes,
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="PATH",
            help="Your labelled pictures: a folder with a subfolder per digit or a labels.csv, or "
            "a CSV file with path,label.",
            show_default="MNIST's test digits",
        ),
    ] = None,
    data: DataOption = None,
    mnist: Annotated[Path | None, typer.Option("--mnist", hidden=True)] = None,
    corrupted: Annotated[
        int,
        typer.Option(
            "--corrupted", metavar="N", min=0, help="Pictures to corrupt in each way; 0 for none."
        ),
    ] = 2_000,
    severities: Annotated[
        list[str] | None,
        list_option(
            "--severity",
            metavar="N",
            description="Severities of the corruptions, 1 to 5, or all",
            default="3",
        ),
    ] = None,
    out: Annotated[Path | None, out_option(default="the model's folder")] = None,
    max_drop: MaxDropOption = None,
    max_drop_point: Annotated[float | None, max_drop_point_option()] = None,
    max_drop_corrupted: Annotated[
        float | None,
        typer.Option(
            "--max-drop-corrupted",
            metavar="POINTS",
            help="Most of predict's right answers lost under the worst corruption, as measured.",
        ),
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option("--min-accuracy", metavar="PERCENT", help="Lowest accuracy.")
    ] = None,
    max_size: Annotated[
        int | None, typer.Option("--max-size", metavar="BYTES", help="Largest file.")
    ] = None,
    max_latency_ratio: Annotated[
        float | None,
        typer.Option(
            "--max-latency-ratio",
            metavar="RATIO",
            help="Longest median latency, relative to the scheme of --against.",
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(
            "--junit",
            metavar="FILE",
            callback=refuse_stdout,
            help="Also write the gates as JUnit XML.",
        ),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", metavar="FILE FILE", help="Compare two report.json files instead."
        ),
    ] = None,
    compare_with: Annotated[
        str | None,
        typer.Option(
            "--compare-with",
            metavar="MODEL",
            help="Compare with this model instead, on your pictures that were not learned: what "
            "was gained there, and lost elsewhere.",
            autocompletion=complete_models,
        ),
    ] = None,
    min_gain: MinGainOption = None,
    max_loss_mnist: MaxLossMnistOption = None,
    output: Annotated[PageFormat, format_option(PageFormat)] = PageFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Measure what each scheme of a model costs, with a verdict.

    Reads MNIST's test digits, or your pictures. Prints a verdict and tables, and
    writes report.json, .md, .html and .svg into the output folder: by default the
    model's own, runs/MODEL for a shipped or installed model, and
    runs/MODEL-PICTURES for your pictures. Needs no TensorFlow. The exit status is
    3 if a gate (--max-..., --min-...) fails.
    """
    from mnist_edge.commands.gain_report import report_gain
    from mnist_edge.commands.report_text import render_comparison, render_report
    from mnist_edge.data.labeled_pictures import find_labeled_pictures
    from mnist_edge.evaluation.report.diff import diff_reports
    from mnist_edge.evaluation.report.document import load_report, rounded, save_report
    from mnist_edge.evaluation.report.gain import GainLimits
    from mnist_edge.evaluation.report.gates import Limits, failure_messages
    from mnist_edge.evaluation.report.junit import report_to_junit
    from mnist_edge.evaluation.report.measure import count_steps, measure_schemes
    from mnist_edge.evaluation.report.model_stats import structure_warning
    from mnist_edge.evaluation.report.robustness import CorruptionPlan
    from mnist_edge.modelstore import loading
    from mnist_edge.modelstore.origin import origin_warnings
    from mnist_edge.system.files import require_replaceable, require_writable, write_text

    if compare:
        diff = diff_reports(*map(load_report, compare))
        typer.echo(render_comparison(diff, output.value), nl=False)
        return
    data, pictures = resolve_data(data, mnist, pictures)
    if compare_with is not None:
        report_gain(
            model,
            compare_with,
            [] if pictures is None else [pictures],
            limits=GainLimits(min_gain=min_gain, max_loss_mnist=max_loss_mnist),
            mnist_data=data,
            out=out,
            output_format=output.value,
        )
        return
    limits = Limits(
        max_drop=max_drop,
        max_drop_point=max_drop_point,
        max_drop_corrupted=max_drop_corrupted,
        min_accuracy=min_accuracy,
        max_size=max_size,
        max_latency_ratio=max_latency_ratio,
    )
    if severities and not corrupted:
        raise InvalidValue("--severity changes nothing with --corrupted 0: leave it out")
    plan = CorruptionPlan(pictures=corrupted, severities=_severities(severities))
    limits.require(plan)
    folder = loading.find_model_folder(model)
    labeled = None if pictures is None else find_labeled_pictures(pictures)
    out = out or _default_output_folder(model, folder, pictures)
    require_writable(out)
    if junit:
        require_replaceable(junit)
    models = _models(model, split_list(schemes), against)
    for warning in filter(None, [*origin_warnings(models), structure_warning(models)]):
        warn(warning)
    images = (
        _mnist_test(data)
        if pictures is None or labeled is None
        else _own_pictures(pictures, labeled, models)
    )
    with _progress(count_steps(models, images, plan), "measuring") as update:
        measured = measure_schemes(
            models,
            images,
            reference=against,
            plan=plan,
            command=f"mnist-edge {ctx.obj}" if ctx.obj else "mnist-edge report",
            on_progress=update,
        )
    measured = dataclasses.replace(measured, gates=limits.check(measured))
    files = save_report(measured, out)
    if junit:
        write_text(junit, report_to_junit(measured))
    if labeled is None:
        _keep_test_scores(models, measured, out)
    failures = failure_messages(measured.gates)
    for message in failures:
        note(message, color="red")
    typer.echo(render_report(rounded(measured), output.value), nl=False)
    note(f"wrote {', '.join(map(str, [*files, *([junit] if junit else [])]))}")
    if failures:
        raise typer.Exit(GATE_FAILED)


def _default_output_folder(model: str | None, folder: Path, pictures: Path | None) -> Path:
    if pictures is not None:
        return RUNS / f"{folder.resolve().name}-{pictures.resolve().stem}"
    return RUNS / folder.name if model is None or not exists(model) else folder


def resolve_data(
    data: Path | None, mnist: Path | None, pictures: Path | None
) -> tuple[Path | None, Path | None]:
    """Return where MNIST is, and the user's pictures.

    In the last release ``--mnist`` was today's ``--data``, and ``--data`` today's ``--pictures``.
    """
    if mnist is not None:
        warn("--mnist is deprecated; use --data")
    if str(data) == "mnist-test":
        warn("--data mnist-test is deprecated; leave it out")
        data = None
    elif data is not None and pictures is None and (mnist is not None or not is_mnist(data)):
        warn("--data is deprecated for your own pictures; use --pictures")
        data, pictures = None, data
    return data or mnist, pictures


def is_mnist(path: Path) -> bool:
    """Check whether a path is MNIST, or nothing, and not labelled pictures."""
    if exists(path) and path.is_dir():
        return any(path.glob("*-ubyte*"))
    return path.suffix.lower() != ".csv"


def _severities(values: Sequence[str] | None) -> tuple[int, ...]:
    """Return the severities in a list of numbers, or all.

    Raises:
        InvalidValue: one of them is not a number.
    """
    from mnist_edge.data.corruptions import DEFAULT_SEVERITY, SEVERITIES

    if values is None:
        return (DEFAULT_SEVERITY,)
    if values == ["all"]:
        return SEVERITIES
    try:
        return tuple(int(part) for value in values for part in value.split(","))
    except ValueError as error:
        raise InvalidValue(
            f"--severity {','.join(values)}: expected numbers such as 1,3,5, or all"
        ) from error


def _models(model: str | None, schemes: Sequence[str], against: str) -> "list[StoredModel]":
    """Load every scheme of a folder, or the reference and those that are named."""
    from mnist_edge.modelstore import loading
    from mnist_edge.modelstore.origin import require_one_network

    for name in (against, *schemes):
        if name not in SCHEMES:
            raise UnknownName("scheme", name, SCHEMES)
    if schemes:
        folder = loading.find_model_folder(model)
        names = dict.fromkeys((against, *schemes))
        models = [loading.load_model(folder, scheme=name) for name in names]
    else:
        models = loading.load_all_schemes(model)
    require_one_network(models)
    return models


def _mnist_test(data: Path | None) -> "LabeledImages":
    from mnist_edge.data.mnist import load_test_digits
    from mnist_edge.evaluation.report.labeled_images import mnist_test_images

    return mnist_test_images(load_test_digits(data))


def _own_pictures(
    pictures: Path, labeled: "Sequence[LabeledPicture]", models: "Sequence[StoredModel]"
) -> "LabeledImages":
    from mnist_edge.evaluation.report.labeled_images import read_labeled_images

    digits = [picture for picture in labeled if picture.digit is not None]
    if left_out := len(labeled) - len(digits):
        note(f"{left_out} labelled x, no digit: left out, since accuracy is of digits")
    with _progress(len(digits), "reading pictures") as update:
        return read_labeled_images(pictures, digits, models, on_progress=update)


def _keep_test_scores(models: "Sequence[StoredModel]", measured: "Report", folder: Path) -> None:
    """Write the test scores into the manifests, if the report is written beside the model."""
    from mnist_edge.evaluation.report.measure import manifest_with_test_score
    from mnist_edge.system.files import write_text

    results = {scheme.scheme: scheme for scheme in measured.schemes}
    for stored in models:
        manifest = manifest_with_test_score(stored, results[stored.path.stem])
        if manifest is not None and stored.path.parent.resolve() == folder.resolve():
            write_text(stored.path.with_suffix(".json"), manifest)


@contextmanager
def _progress(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a progress bar, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with progress_bar(length, label) as bar:
        yield bar.update
