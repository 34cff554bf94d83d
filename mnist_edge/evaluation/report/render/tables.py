"""The tables of a report, for any page to set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mnist_edge.evaluation.report.render.formatting import (
    NONE,
    Document,
    candidates_of,
    count,
    decimal,
    drop_interval,
    p_value,
    percent,
    points,
    reference_of,
    share_interval,
)

Cell: TypeAlias = str | tuple[str, str]
"""What a cell says, or that and what it adds in small print."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a header, the first cell of each its name."""

    caption: str
    """What it shows."""
    header: tuple[str, ...]
    """The columns' names."""
    rows: tuple[tuple[Cell, ...], ...]
    """As many cells each as there are columns."""


def costs(document: Document) -> Table:
    """The one table that a reader needs: a row a scheme."""
    reference = reference_of(document)
    speed = _times_by_scheme(document)
    return Table(
        caption=f"What each scheme costs against {reference['scheme']}",
        header=(
            "scheme",
            "accuracy",
            "drop in points",
            "agreement",
            "bytes",
            "\u00b5s a digit",
        ),
        rows=tuple(
            (
                scheme["scheme"],
                (percent(scheme["accuracy"]), share_interval(scheme["accuracy_interval"])),
                "reference"
                if scheme is reference
                else (points(scheme["drop_points"]), drop_interval(scheme["drop_interval"])),
                percent(scheme["agreement"]),
                count(scheme["size"]),
                count(speed.get(scheme["scheme"], {}).get("median_us")),
            )
            for scheme in document["schemes"]
        ),
    )


def pairs(document: Document) -> Table:
    """Which of two schemes read a picture right, counted."""
    candidates = candidates_of(document)
    asked = candidates[0]["pictures_to_see"]["drop_points"] if candidates else None
    return Table(
        caption=f"Picture by picture against {document['reference']}",
        header=(
            "scheme",
            "both right",
            "only reference right",
            "only this right",
            "both wrong",
            "McNemar p",
            f"pictures to see {decimal(asked, 2)} points",
            "abstained",
        ),
        rows=tuple(
            (
                scheme["scheme"],
                count(scheme["both_right"]),
                count(scheme["only_reference"]),
                count(scheme["only_candidate"]),
                count(scheme["both_wrong"]),
                p_value(scheme["p_value"]),
                count(scheme["pictures_to_see"]["pictures"]),
                count(scheme["abstained"]),
            )
            for scheme in candidates
        ),
    )


def classes(document: Document, scheme: Document) -> Table:
    """Recall and precision of each digit, reference and one scheme."""
    reference = reference_of(document)
    first, second = reference["scheme"], scheme["scheme"]
    return Table(
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
                str(own["digit"]),
                count(own["count"]),
                percent(before["recall"]),
                percent(own["recall"]),
                points(own["recall_drop_points"]),
                percent(before["precision"]),
                percent(own["precision"]),
            )
            for before, own in zip(reference["classes"], scheme["classes"], strict=True)
        ),
    )


def confusion(scheme: Document) -> Table:
    """How often each label got each answer."""
    return Table(
        caption=f"Confusion matrix of {scheme['scheme']}: a row a label, a column an answer",
        header=("label", *map(str, range(10))),
        rows=tuple(
            (str(label), *(count(n) if n else NONE for n in row))
            for label, row in enumerate(scheme["confusion"])
        ),
    )


WRONG_ANSWERS = (
    "Wrong answers: the share of the pictures that a scheme misreads and does not abstain from; "
    "abstained: the share that it is less sure of than its manifest asks for."
)
"""What stands by the table of corruptions."""


def corruptions(document: Document, scheme: Document) -> Table:
    """Accuracy under each corruption, reference and one scheme, the largest drop first."""
    reference = reference_of(document)
    found = sorted(
        zip(reference["corruptions"], scheme["corruptions"], strict=True),
        key=lambda pair: (-pair[1]["drop_points"], pair[1]["kind"]),
    )
    return Table(
        caption=f"Under corruption: {scheme['scheme']} against {reference['scheme']}",
        header=(
            "corruption",
            "severity",
            "pictures",
            reference["scheme"],
            scheme["scheme"],
            "drop in points",
            f"wrong answers {reference['scheme']}",
            f"wrong answers {scheme['scheme']}",
        ),
        rows=tuple(
            (
                own["kind"],
                str(own["severity"]),
                count(own["total"]),
                percent(other["accuracy"]),
                percent(own["accuracy"]),
                (points(own["drop_points"]), drop_interval(own["drop_interval"])),
                _wrong_answers(other),
                _wrong_answers(own),
            )
            for other, own in found
        ),
    )


def _wrong_answers(result: Document) -> Cell:
    total = result["total"]
    return (
        percent(result["wrong_answers"] / total),
        f"abstained: {percent(result['abstained'] / total)}",
    )


def calibration(document: Document) -> Table:
    """How far each scheme's confidence can be trusted."""
    return Table(
        caption="How far the confidence of each scheme can be trusted",
        header=(
            "scheme",
            "calibration error",
            "negative log-likelihood",
            "change of the right digit's probability",
            "symmetric KL divergence",
            "temperature",
            "answers from",
            "abstained",
        ),
        rows=tuple(
            (
                scheme["scheme"],
                percent(scheme["calibration"]["error"]),
                decimal(scheme["calibration"]["negative_log_likelihood"], 4),
                decimal(scheme["calibration"]["true_class_change"], 5),
                decimal(scheme["calibration"]["symmetric_divergence"], 5),
                decimal(scheme["temperature"], 2),
                percent(scheme["min_confidence"], 0),
                count(scheme["abstained"]),
            )
            for scheme in document["schemes"]
        ),
    )


def bins(scheme: Document) -> Table:
    """The bars of a reliability diagram in figures."""
    return Table(
        caption=f"Confidence against accuracy: {scheme['scheme']}",
        header=("confidence", "pictures", "mean confidence", "accuracy"),
        rows=tuple(
            (
                f"{100 * part['lower']:.0f} to {percent(part['upper'], 0)}",
                count(part["count"]),
                percent(part["confidence"]),
                percent(part["accuracy"]),
            )
            for part in scheme["calibration"]["bins"]
        ),
    )


def sizes(document: Document) -> Table:
    """What each file holds and asks for."""
    return Table(
        caption="What each file holds and asks for",
        header=(
            "scheme",
            "bytes",
            "arena, at least, in bytes",
            "parameters",
            "multiply-adds",
            "operators",
        ),
        rows=tuple(
            (
                scheme["scheme"],
                count(scheme["size"]),
                count(scheme["arena"]),
                count(scheme["parameters"]),
                count(scheme["multiply_adds"]),
                ", ".join(
                    f"{operator['count']} {operator['name']} (version {operator['version']})"
                    for operator in scheme["operators"]
                ),
            )
            for scheme in document["schemes"]
        ),
    )


def times(document: Document) -> Table:
    """How long each scheme takes, on the machine that it was measured on."""
    threads = [str(number) for number in document["times"]["threads"]]
    return Table(
        caption="Times of one digit, and digits a second",
        header=(
            "scheme",
            "load in ms",
            "median in \u00b5s",
            "p95 in \u00b5s",
            "p99 in \u00b5s",
            *(f"digits a second, {n} thread{'' if n == '1' else 's'}" for n in threads),
        ),
        rows=tuple(
            (
                timed["scheme"],
                decimal(timed["load_ms"], 1),
                count(timed["median_us"]),
                count(timed["p95_us"]),
                count(timed["p99_us"]),
                *(count(timed["throughput"].get(n)) for n in threads),
            )
            for timed in document["times"]["schemes"]
        ),
    )


def provenance(document: Document) -> list[tuple[str, str]]:
    """What a report was made of and how, by name."""
    data = document["data"]
    return [
        ("command", document["command"]),
        ("mnist-edge", document["mnist_edge"]),
        ("runtime", document["runtime"]),
        ("data", f"{data['name']}, {count(data['pictures'])} pictures"),
        *((f"sha256 of {name}", digest) for name, digest in data["sha256"].items()),
        *((f"sha256 of {s['scheme']}", s["sha256"]) for s in document["schemes"]),
    ]


def circumstances(document: Document) -> list[tuple[str, str]]:
    """What the times were measured on, by name; what the system does not tell is left out."""
    times = document["times"]
    found = [
        ("date", times["date"]),
        ("machine", times["machine"]),
        ("processor", times["cpu"]),
        ("governor", times["governor"]),
        ("temperature", _with_unit(times["temperature_c"], "\u00b0C")),
        ("peak memory", _with_unit(times["peak_memory_mb"], "MB")),
    ]
    return [(name, value) for name, value in found if value]


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:.1f} {unit}"


def _times_by_scheme(document: Document) -> dict[str, Mapping[str, Any]]:
    return {timed["scheme"]: timed for timed in document["times"]["schemes"]}
