"""The accuracy-drop report: what each quantization scheme costs, as JSON, Markdown and text."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import __version__
from mnist_edge.comparison import Comparison, compare
from mnist_edge.dataset import Digits
from mnist_edge.errors import ModelNotFound
from mnist_edge.evaluation import count_correct, softmax
from mnist_edge.files import write_json, write_text
from mnist_edge.idx import SHA256
from mnist_edge.interpreter import Interpreter
from mnist_edge.manifest import Score
from mnist_edge.metrics import CALIBRATION_BINS, calibration_error
from mnist_edge.modelstore import StoredModel
from mnist_edge.runtimes import runtime
from mnist_edge.trial import open_model

REFERENCE = "float32"
"""The scheme that the others are compared with."""

_CHUNK = 100
"""Digits between two moves of the progress bar."""


@dataclass(frozen=True, kw_only=True)
class SchemeResult:
    """One scheme over the test digits."""

    scheme: str
    """Its name."""
    sha256: str
    """Of the ``.tflite`` file."""
    size: int
    """Of the file, in bytes."""
    score: Score
    """Digits read right."""
    comparison: Comparison
    """With the reference, digit by digit; the reference with itself agrees."""
    calibration_error: float
    """How far confidence is from accuracy, 0..1, at the temperature of its manifest."""
    microseconds: float
    """Mean wall time of one digit on one thread: set the input, run, read the output."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A model folder over the test digits."""

    model: str
    """Name of the model folder."""
    digits: int
    """How many digits were read."""
    runtime: str
    """The TFLite runtime with its version."""
    machine: str
    """What the times were measured on."""
    results: tuple[SchemeResult, ...]
    """One a scheme, the reference first."""

    def worst_drop(self) -> float:
        """The largest drop of any scheme, in percentage points."""
        return max(result.comparison.drop for result in self.results)


def measure(
    models: Sequence[StoredModel], digits: Digits, *, on_progress: Callable[[int], None]
) -> Report:
    """Runs every scheme of a folder over the same digits in the same order.

    Args:
        models: of one folder, the float32 reference among them.
        digits: labelled; MNIST's test split for a figure to publish.
        on_progress: called with how many digits were read since the last call.

    Raises:
        ModelNotFound: the reference is missing.
        ModelError: a model does not load.
    """
    ordered = sorted(models, key=lambda model: model.path.stem != REFERENCE)
    if ordered[0].path.stem != REFERENCE:
        folder = ordered[0].path.parent
        raise ModelNotFound(
            f"{folder} has no {REFERENCE}.tflite to compare with; make it with: "
            f"mnist-edge convert {folder} --quantize {REFERENCE}"
        )
    results: list[SchemeResult] = []
    reference: NDArray[np.float32] | None = None
    for model in ordered:
        logits, seconds = _timed_logits(open_model(model), digits, on_progress)
        reference = logits if reference is None else reference
        correct = count_correct(logits, digits.labels)
        results.append(
            SchemeResult(
                scheme=model.path.stem,
                sha256=model.sha256,
                size=len(model.content),
                score=Score(correct=correct, total=len(digits), runtime=runtime()),
                comparison=compare(reference, logits, digits.labels),
                calibration_error=calibration_error(
                    softmax(logits, temperature=model.temperature), digits.labels
                ),
                microseconds=1e6 * seconds / len(digits),
            )
        )
    return Report(
        model=ordered[0].path.parent.resolve().name,
        digits=len(digits),
        runtime=runtime(),
        machine=machine(),
        results=tuple(results),
    )


def machine() -> str:
    """What this is running on, for a figure to be understood by."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def save(report: Report, folder: Path) -> None:
    """Writes ``report.json`` and ``report.md``.

    Raises:
        NotWritable: the folder cannot be written.
    """
    write_json(folder / "report.json", to_document(report))
    write_text(folder / "report.md", to_markdown(report))


def to_document(report: Report) -> dict[str, Any]:
    """The report as JSON has it; the times stand apart from what every run repeats."""
    paired = ("both_right", "only_reference", "only_candidate", "both_wrong")
    schemes = [
        {
            "scheme": result.scheme,
            "sha256": result.sha256,
            "size": result.size,
            "correct": result.score.correct,
            "accuracy": result.score.accuracy,
            "drop_points": round(result.comparison.drop, 4),
            "agreement": result.comparison.agreement,
            **{field: getattr(result.comparison, field) for field in paired},
            "calibration_error": round(result.calibration_error, 6),
        }
        for result in report.results
    ]
    return {
        "schema_version": 1,
        "mnist_edge": __version__,
        "model": report.model,
        "reference": REFERENCE,
        "data": {
            "split": "MNIST test",
            "digits": report.digits,
            "sha256": {key: SHA256[key] for key in ("t10k-images", "t10k-labels")},
        },
        "runtime": report.runtime,
        "calibration_bins": CALIBRATION_BINS,
        "schemes": schemes,
        "times": {
            "machine": report.machine,
            "microseconds_per_digit": {r.scheme: round(r.microseconds, 1) for r in report.results},
        },
    }


HEADER = ("scheme", "accuracy", "drop", "agreement", "bytes", "us/digit")
"""Columns of the table, on screen and in Markdown."""


def rows(report: Report) -> list[list[str]]:
    """The table's cells, a row a scheme."""
    return [
        [
            result.scheme,
            f"{100 * result.score.accuracy:.2f} %",
            "reference" if result.scheme == REFERENCE else f"{result.comparison.drop:+.2f} points",
            f"{100 * result.comparison.agreement:.2f} %",
            f"{result.size:,}",
            f"{result.microseconds:.0f}",
        ]
        for result in report.results
    ]


def verdict(report: Report) -> str:
    """One sentence on what int8, or else the worst scheme, costs."""
    candidates = [result for result in report.results if result.scheme != REFERENCE]
    if not candidates:
        return f"{report.model}: {REFERENCE} alone was measured; there is nothing to compare."
    chosen = next(
        (result for result in candidates if result.scheme == "int8"),
        max(candidates, key=lambda result: result.comparison.drop),
    )
    drop, score = chosen.comparison.drop, chosen.score
    cost = (
        f"costs {drop:.2f} points"
        if drop > 0
        else f"gains {-drop:.2f} points"
        if drop < 0
        else "costs nothing"
    )
    return (
        f"{report.model}: {chosen.scheme} {cost}: {100 * score.accuracy:.2f} % of "
        f"{score.total:,} digits against {100 * report.results[0].score.accuracy:.2f} % in "
        f"{REFERENCE}."
    )


def to_markdown(report: Report) -> str:
    """The report as a page that reads well in a repository."""
    sureness = ", ".join(
        f"{result.scheme} {100 * result.calibration_error:.2f} %" for result in report.results
    )
    lines = [
        f"# Accuracy drop of `{report.model}`",
        "",
        verdict(report),
        "",
        markdown_table(HEADER, rows(report)),
        "",
        f"MNIST test split, {report.digits:,} digits, every scheme over the same digits in the "
        f"same order. Drop: accuracy lost against {REFERENCE}, in percentage points; agreement: "
        f"share of digits with the same answer, right or wrong. {report.runtime}, one thread, on "
        f"{report.machine}.",
        "",
        "Expected calibration error, the mean distance of confidence from accuracy "
        f"({CALIBRATION_BINS} bins, at the temperature of each manifest): {sureness}.",
        "",
    ]
    return "\n".join(lines)


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column set left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))


def with_test_score(model: StoredModel, result: SchemeResult) -> str | None:
    """The model's manifest, as JSON, with the test score filled in; None without a manifest."""
    if model.manifest is None:
        return None
    return dataclasses.replace(model.manifest, test=result.score).to_json()


def _timed_logits(
    interpreter: Interpreter, digits: Digits, on_progress: Callable[[int], None]
) -> tuple[NDArray[np.float32], float]:
    """Logits of all digits, and the seconds spent on them alone."""
    interpreter.logits(digits.images[:_CHUNK])  # the first digits pay for what is set up lazily
    parts = []
    seconds = 0.0
    for start in range(0, len(digits), _CHUNK):
        chunk = digits.images[start : start + _CHUNK]
        started = time.perf_counter()
        parts.append(interpreter.logits(chunk))
        seconds += time.perf_counter() - started
        on_progress(len(chunk))
    return np.concatenate(parts), seconds
