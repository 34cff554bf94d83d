"""The tables of a report, independent of the page's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mnist_edge import CLASSES
from mnist_edge.evaluation.report.render.formatting import (
    count,
    decimal,
    leading_first,
    p_value,
    percent_interval,
    points,
    points_interval,
)
from mnist_edge.evaluation.report.results import (
    CorruptionResult,
    PredictedAnswers,
    Report,
    SchemeReport,
)
from mnist_edge.system.text import MISSING, percent

Cell: TypeAlias = str | tuple[str, str]
"""The text of a cell, or its text and an addition in small print."""

DROP = "drop in points"
"""Header of the main table's column of drops."""


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """Rows under a header; the first cell of each row is its name."""

    caption: str
    """Title of the table."""
    header: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[Cell, ...], ...]
    """Cells, one per column."""


def cost_table(report: Report) -> ReportTable:
    """Return the main table: accuracy, drop, size and latency of each scheme."""
    medians = {timed.scheme: timed.median_us for timed in report.times.schemes}
    return ReportTable(
        caption=f"What each scheme costs against {report.reference}",
        header=(
            "scheme",
            "accuracy",
            DROP,
            "agreement",
            "bytes",
            "\u00b5s per digit",
        ),
        rows=tuple(
            (
                scheme.scheme,
                (percent(scheme.accuracy), percent_interval(scheme.accuracy_interval)),
                "reference"
                if scheme is report.reference_scheme
                else (points(scheme.drop_points), points_interval(scheme.drop_interval)),
                percent(scheme.agreement),
                count(scheme.size),
                count(medians.get(scheme.scheme)),
            )
            for scheme in report.schemes
        ),
    )


def pair_table(report: Report) -> ReportTable:
    """Return the counts of pictures that the reference and each scheme read correctly."""
    candidates = leading_first(report)
    drop = candidates[0].pictures_to_see.drop_points if candidates else None
    return ReportTable(
        caption=f"Picture by picture against {report.reference}",
        header=(
            "scheme",
            "both right",
            "only reference right",
            "only this scheme right",
            "both wrong",
            "McNemar p",
            f"pictures to detect {decimal(drop, 2)} points",
            "abstained",
        ),
        rows=tuple(
            (
                scheme.scheme,
                count(scheme.both_right),
                count(scheme.only_reference),
                count(scheme.only_candidate),
                count(scheme.both_wrong),
                p_value(scheme.p_value),
                count(scheme.pictures_to_see.pictures),
                count(scheme.abstained),
            )
            for scheme in candidates
        ),
    )


def class_table(report: Report, scheme: SchemeReport) -> ReportTable:
    """Return the recall and precision of each digit, of the reference and one scheme."""
    first, second = report.reference, scheme.scheme
    return ReportTable(
        caption=f"Digit by digit: {second} against {first}",
        header=(
            "digit",
            "pictures",
            f"recall {first}",
            f"recall {second}",
            "drop",
            f"precision {first}",
            f"precision {second}",
        ),
        rows=tuple(
            (
                str(own.digit),
                count(own.count),
                percent(before.recall),
                percent(own.recall),
                points(own.recall_drop_points),
                percent(before.precision),
                percent(own.precision),
            )
            for before, own in zip(report.reference_scheme.classes, scheme.classes, strict=True)
        ),
    )


def confusion_table(scheme: SchemeReport) -> ReportTable:
    """Return the confusion matrix of a scheme."""
    return ReportTable(
        caption=f"Confusion matrix of {scheme.scheme}: rows are labels, columns are answers",
        header=("label", *map(str, range(CLASSES))),
        rows=tuple(
            (str(label), *(count(answers) if answers else MISSING for answers in row))
            for label, row in enumerate(scheme.confusion)
        ),
    )


TWO_WAYS_NOTE = (
    "Each corrupted digit is read in two ways: as mnist-edge predict reads a picture, through its "
    "front end, and as a bare array of 28x28 pixels. Users meet the first; the second shows more "
    "of the network."
)
"""Explanation above the results under corruption."""
SUSPECT_LABELS_NOTE = (
    "Where both schemes confidently give the same answer, and the label is another, the label "
    "itself may be wrong: it is marked as in doubt."
)
"""Explanation above the most confident mistakes."""
INPUTS_NOTE = "The same inputs give the same report, except for the times."
"""Explanation above the inputs of a report."""
WRONG_ANSWERS_NOTE = (
    "Wrong answers: the share of the pictures that a scheme misreads and does not abstain from; "
    "abstained: the share without an answer, because the confidence is below the manifest's "
    "minimum or the picture does not show exactly one digit."
)
"""Explanation below the tables of corruptions."""


def predicted_corruption_table(report: Report, scheme: SchemeReport) -> ReportTable | None:
    """Return what predict answers under corruption, largest drop first; None in older reports."""
    first, second = report.reference, scheme.scheme
    rows = [
        (own, before.predicted, own.predicted)
        for before, own in _corruption_pairs(report, scheme)
        if before.predicted and own.predicted
    ]
    if not rows:
        return None
    return ReportTable(
        caption=f"Corrupted pictures as predict reads them: {second} against {first}",
        header=(
            "corruption",
            "severity",
            "pictures",
            f"right answers {first}",
            f"right answers {second}",
            "drop in points",
            f"wrong answers {first}",
            f"wrong answers {second}",
        ),
        rows=tuple(
            (
                result.kind,
                str(result.severity),
                count(own.total),
                percent(before.right_share),
                percent(own.right_share),
                (points(own.drop_points), points_interval(own.drop_interval)),
                _wrong_answers(before),
                _wrong_answers(own),
            )
            for result, before, own in sorted(rows, key=lambda row: -row[2].drop_points)
        ),
    )


def _corruption_pairs(
    report: Report, scheme: SchemeReport
) -> list[tuple[CorruptionResult, CorruptionResult]]:
    """Return the results of the reference and of a scheme, largest drop of accuracy first."""
    return sorted(
        zip(report.reference_scheme.corruptions, scheme.corruptions, strict=True),
        key=lambda pair: (-pair[1].drop_points, pair[1].kind),
    )


def bare_corruption_table(report: Report, scheme: SchemeReport) -> ReportTable:
    """Return the accuracy on corrupted arrays, largest drop first."""
    first, second = report.reference, scheme.scheme
    return ReportTable(
        caption=f"Corrupted pictures as bare arrays: {second} against {first}",
        header=(
            "corruption",
            "severity",
            "pictures",
            first,
            second,
            "drop in points",
            f"wrong answers {first}",
            f"wrong answers {second}",
        ),
        rows=tuple(
            (
                own.kind,
                str(own.severity),
                count(own.total),
                percent(before.accuracy),
                percent(own.accuracy),
                (points(own.drop_points), points_interval(own.drop_interval)),
                _wrong_answers(before),
                _wrong_answers(own),
            )
            for before, own in _corruption_pairs(report, scheme)
        ),
    )


def _wrong_answers(result: CorruptionResult | PredictedAnswers) -> Cell:
    return percent(result.wrong_share), f"abstained: {percent(result.abstained_share)}"


def calibration_table(report: Report) -> ReportTable:
    """Return the calibration of each scheme."""
    return ReportTable(
        caption="Calibration of each scheme",
        header=(
            "scheme",
            "calibration error",
            "negative log-likelihood",
            "change of the right digit's probability",
            "symmetric KL divergence",
            "temperature",
            "minimum confidence",
            "abstained",
        ),
        rows=tuple(
            (
                scheme.scheme,
                percent(scheme.calibration.error),
                decimal(scheme.calibration.negative_log_likelihood, 4),
                decimal(scheme.calibration.true_class_change, 5),
                decimal(scheme.calibration.symmetric_divergence, 5),
                decimal(scheme.temperature, 2),
                percent(scheme.min_confidence, 0),
                count(scheme.abstained),
            )
            for scheme in report.schemes
        ),
    )


def bin_table(scheme: SchemeReport) -> ReportTable:
    """Return the reliability diagram of a scheme in figures."""
    return ReportTable(
        caption=f"Confidence against accuracy: {scheme.scheme}",
        header=("confidence", "pictures", "mean confidence", "accuracy"),
        rows=tuple(
            (
                f"{100 * part.lower:.0f} to {percent(part.upper, 0)}",
                count(part.count),
                percent(part.confidence),
                percent(part.accuracy),
            )
            for part in scheme.calibration.bins
        ),
    )


def file_table(report: Report) -> ReportTable:
    """Return the size, memory, parameters and operators of each file."""
    return ReportTable(
        caption="Contents and requirements of each file",
        header=(
            "scheme",
            "bytes",
            "minimum arena in bytes",
            "parameters",
            "multiply-adds",
            "operators",
        ),
        rows=tuple(
            (
                scheme.scheme,
                count(scheme.size),
                count(scheme.arena),
                count(scheme.parameters),
                count(scheme.multiply_adds),
                ", ".join(
                    f"{operator.count} {operator.name} (version {operator.version})"
                    for operator in scheme.operators
                ),
            )
            for scheme in report.schemes
        ),
    )


def time_table(report: Report) -> ReportTable:
    """Return the load time, latency and throughput of each scheme."""
    threads = [str(number) for number in report.times.threads]
    return ReportTable(
        caption="Latency of one digit, and throughput",
        header=(
            "scheme",
            "load in ms",
            "median in \u00b5s",
            "p95 in \u00b5s",
            "p99 in \u00b5s",
            *(f"digits per second, {n} thread{'' if n == '1' else 's'}" for n in threads),
        ),
        rows=tuple(
            (
                timed.scheme,
                decimal(timed.load_ms, 1),
                count(timed.median_us),
                count(timed.p95_us),
                count(timed.p99_us),
                *(count(timed.throughput.get(n)) for n in threads),
            )
            for timed in report.times.schemes
        ),
    )


def provenance(report: Report) -> list[tuple[str, str]]:
    """Return the inputs of a report by name: command, versions, data and files."""
    data = report.data
    return [
        ("command", report.command),
        ("mnist-edge", report.mnist_edge),
        ("runtime", report.runtime),
        ("data", f"{data.name}, {count(data.pictures)} pictures"),
        *((f"sha256 of {name}", digest) for name, digest in data.sha256.items()),
        *((f"sha256 of {scheme.scheme}", scheme.sha256) for scheme in report.schemes),
    ]


def environment(report: Report) -> list[tuple[str, str]]:
    """Return the conditions of the times by name; unknown ones are left out."""
    times = report.times
    facts = [
        ("date", times.date),
        ("machine", times.machine),
        ("processor", times.cpu),
        ("governor", times.governor),
        ("temperature", _with_unit(times.temperature_c, "\u00b0C")),
        ("peak memory", _with_unit(times.peak_memory_mb, "MB")),
    ]
    return [(name, value) for name, value in facts if value]


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:.1f} {unit}"
