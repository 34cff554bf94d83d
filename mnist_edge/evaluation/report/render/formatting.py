"""Numbers, gates and pictures of a report in words, the same on every page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from mnist_edge.evaluation.report.results import (
    GateResult,
    ImageProblem,
    ImageResult,
    Report,
    SchemeReport,
)
from mnist_edge.metrics.intervals import Interval
from mnist_edge.system.text import MISSING, fixed, percent, signed

_MINUS = "\u2212"
_LEADING = "int8"
"""The scheme that a report is about, if it was measured."""
_MAX_LABEL = 18
"""Characters of a name that a plot has room for."""


def sanitize(text: object) -> str:
    """Replace control characters and surrogates, which files cannot hold or would obey."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in {"Cc", "Cs"} else character
        for character in str(text)
    )


def truncate(text: object) -> str:
    """Shorten a name to what a plot has room for."""
    name = sanitize(text)
    return name if len(name) <= _MAX_LABEL else name[: _MAX_LABEL - 1] + "\u2026"


def count(number: float | None) -> str:
    """Format a whole number with thousands separators; None as a dash."""
    return MISSING if number is None else f"{number:,.0f}"


def decimal(number: float | None, places: int) -> str:
    """Format a number with so many decimal places; None as a dash."""
    return MISSING if number is None else _with_minus(fixed(number, places))


def points(drop: float | None) -> str:
    """Format a drop in percentage points with its sign, without one for 0; None as a dash."""
    return MISSING if drop is None else difference(drop, 2)


def difference(number: float, places: int) -> str:
    """Format a difference with its sign, without one for what rounds to 0."""
    text = signed(number, places)
    return _with_minus(text) if round(number, places) else text[1:]


def percent_interval(shares: Interval) -> str:
    """Format an interval of shares, 0..1, in percent."""
    return f"{100 * shares.low:.2f} to {percent(shares.high)}"


def points_interval(drops: Interval) -> str:
    """Format an interval of drops in percentage points."""
    return f"{points(drops.low)} to {points(drops.high)}"


def p_value(p: float) -> str:
    """Format a p-value, however small."""
    return f"{p:.3f}" if p >= 0.001 else "below 0.001"


def quantity(value: float, unit: str) -> str:
    """Format a value or limit of a gate with its unit."""
    is_large = float(value).is_integer() and abs(value) >= 1000
    number = f"{value:,.0f}" if is_large else f"{round(value, 4) + 0.0:g}"
    return sanitize(f"{_with_minus(number)} {unit}").rstrip()


def split_verdict(verdict: str) -> tuple[str, str]:
    """Split a verdict into its claim and its figures; the figures are empty if it has one part.

    The claim ends at the first colon outside parentheses, or at a parenthesis before a comma.
    """
    depth = 0
    for index, character in enumerate(verdict):
        depth += (character == "(") - (character == ")")
        if depth or " " not in verdict[:index]:
            continue
        if verdict.startswith(": ", index):
            return verdict[:index], verdict[index + 2 :]
        if verdict.startswith("), ", index):
            return verdict[: index + 1], verdict[index + 3 :]
    return verdict, ""


def leading_first(report: Report) -> list[SchemeReport]:
    """Return the candidates, beginning with the scheme that the report is about.

    This is the scheme that the verdict begins with, else int8, else the one with the largest drop.
    """
    if not report.candidates:
        return []
    leading = max(
        report.candidates,
        key=lambda scheme: (
            report.verdict.startswith(f"{scheme.scheme} "),
            scheme.scheme == _LEADING,
            scheme.drop_points,
        ),
    )
    return [leading, *(scheme for scheme in report.candidates if scheme is not leading)]


def image_problems(report: Report) -> list[tuple[str, tuple[ImageProblem, ...]]]:
    """Return a heading and the pictures for each kind of problem that occurred."""
    data = report.data
    problems = (
        ("that could not be read, which count nowhere", data.unreadable),
        ("without a single digit, which every scheme abstains from", data.without_digit),
    )
    return [
        (f"Pictures {problem}: {count(len(images))}", images)
        for problem, images in problems
        if images
    ]


def flips_by_outcome(scheme: SchemeReport) -> dict[str, list[ImageResult]]:
    """Group the pictures whose answer changed by outcome; empty groups are left out."""
    groups: dict[str, list[ImageResult]] = {"Lost": [], "Gained": [], "Wrong both times": []}
    for flip in scheme.flips:
        if flip.reference.digit == flip.label:
            groups["Lost"].append(flip)
        elif flip.candidate.digit == flip.label:
            groups["Gained"].append(flip)
        else:
            groups["Wrong both times"].append(flip)
    return {outcome: flips for outcome, flips in groups.items() if flips}


def unchanged_note(report: Report) -> str | None:
    """Name the schemes that give the reference's answer to every picture, if there are any."""
    names = [scheme.scheme for scheme in leading_first(report) if not scheme.flipped]
    if not names:
        return None
    total = count(report.reference_scheme.total)
    verb = "gives" if len(names) == 1 else "give"
    return f"{enumerate_names(names)} {verb} {report.reference}'s answer to all {total} pictures."


def enumerate_names(names: Sequence[str]) -> str:
    """Join names with commas and an "and"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def suspect_indices(scheme: SchemeReport) -> frozenset[int]:
    """Return the indices of the pictures whose label may be wrong."""
    return frozenset(image.index for image in scheme.suspect_labels)


def other_suspects(scheme: SchemeReport) -> list[ImageResult]:
    """Return the pictures with a suspect label that are not among the shown mistakes."""
    shown = {image.index for image in scheme.mistakes}
    return [image for image in scheme.suspect_labels if image.index not in shown]


def image_name(image: ImageResult) -> str:
    """Return a picture's path, or its index if it has none."""
    return f"#{image.index}" if image.path is None else sanitize(image.path)


def missed_gates(report: Report) -> list[GateResult]:
    """Return the gates that did not pass."""
    return [gate for gate in report.gates if not gate.passed]


def gates_summary(report: Report) -> str:
    """Describe how many gates passed."""
    gates, missed = len(report.gates), len(missed_gates(report))
    if not gates:
        return "No gate was set"
    if missed:
        return f"{missed} of {gates} gates missed" if gates > 1 else "Gate missed"
    return "All gates passed" if gates > 1 else "Gate passed"


def gate_summary(gate: GateResult) -> str:
    """Describe a gate's value, the worst scheme and the limit."""
    bound = "at least" if gate.name.startswith("--min") else "at most"
    return (
        f"{sanitize(gate.name)}: {quantity(gate.value, gate.unit)} ({sanitize(gate.scheme)}), "
        f"{bound} {quantity(gate.limit, gate.unit)}"
    )


def _with_minus(text: str) -> str:
    """Replace hyphens with minus signs."""
    return text.replace("-", _MINUS)
