"""How ``mnist-edge predict`` writes its results.

Each writer takes the results as they come and returns how many pictures could not be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from mnist_edge import CLASSES
from mnist_edge.commands.console import csv_writer, fail, paint, print_line
from mnist_edge.errors import PictureError
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Prediction
    from mnist_edge.inference.hypotheses import Hypothesis
    from mnist_edge.inference.page import Page
    from mnist_edge.inference.results_log import ResultsLog
    from mnist_edge.preprocessing.pipeline import PreprocessingTrace

_COLUMNS = ("path", "digit", "confidence", "abstained", "error", *map(str, range(CLASSES)))
"""Columns of a CSV with one digit per picture."""
_EDGES = ("left", "top", "right", "bottom")
_PAGE_COLUMNS = ("path", "line", "digit", "confidence", "abstained", *_EDGES, "error")
"""Columns of a CSV with every digit of each picture."""


class Format(str, Enum):
    """Output formats of a list of results."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


@dataclass(frozen=True, kw_only=True)
class PictureResult:
    """A picture with what was read in it, or why it could not be read."""

    path: str
    outcome: Prediction | Page | PictureError
    trace: PreprocessingTrace | None = None
    """What was seen in it; None if it could not be read."""
    hypotheses: tuple[Hypothesis, ...] = ()
    """The ways in which it was read to choose the answer, if it is of one digit and was traced."""


def print_text(results: Iterable[PictureResult], top: int) -> int:
    """Print one line per picture."""
    failed = 0
    for result in results:
        if isinstance(result.outcome, PictureError):
            failed += 1
            fail(result.outcome)
        else:
            outcome = _format_outcome(result.outcome, top)
            print_line(f"{escape_controls(result.path)}: {outcome}")
    return failed


def print_json(results: Iterable[PictureResult], top: int) -> int:
    """Print one list of all pictures."""
    documents = [result_document(result, top) for result in results]
    print_line(json.dumps(documents, indent=2))
    return sum("error" in document for document in documents)


def print_jsonl(results: Iterable[PictureResult], top: int) -> int:
    """Print one object per picture, each as soon as it is known."""
    failed = 0
    for result in results:
        document = result_document(result, top)
        failed += "error" in document
        print_line(json.dumps(document))
    return failed


def append_jsonl(results: Iterable[PictureResult], top: int, results_log: ResultsLog) -> int:
    """Append the same lines to a file, each as soon as it is known.

    Returns:
        How many pictures in the whole file could not be read.
    """
    for result in results:
        results_log.write(result_document(result, top))
    return results_log.failed


def print_csv(results: Iterable[PictureResult], top: int) -> int:
    """Print one row per picture."""
    del top  # all ten are in the row
    return _print_rows(results, _COLUMNS, _row)


def print_page_csv(results: Iterable[PictureResult], top: int) -> int:
    """Print one row per digit, and one for a picture without any or that cannot be read."""
    del top
    return _print_rows(results, _PAGE_COLUMNS, _page_rows)


def _print_rows(
    results: Iterable[PictureResult],
    columns: Sequence[str],
    rows: Callable[[dict[str, Any]], Iterable[dict[str, Any]]],
) -> int:
    writer = csv_writer(columns)
    writer.writeheader()
    failed = 0
    for result in results:
        if isinstance(result.outcome, PictureError):
            failed += 1
            writer.writerow({"path": result.path, "error": str(result.outcome)})
        else:
            writer.writerows(rows(result_document(result, top=1)))
    return failed


def _row(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    probabilities = document.pop("probabilities")
    yield {**document, **{str(digit): p for digit, p in enumerate(probabilities)}}


def _page_rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    path = document["path"]
    for digit in document["digits"]:
        box = digit.pop("box")
        yield {"path": path, **digit, **dict(zip(_EDGES, box, strict=True))}
    if not document["digits"]:
        yield {"path": path, "abstained": "blank"}


def _format_outcome(outcome: Prediction | Page, top: int) -> str:
    """Format a result as one line of text; lines of writing are separated by spaces."""
    from mnist_edge.inference.classifier import Prediction

    if isinstance(outcome, Prediction):
        if outcome.abstained:
            return paint(f"- ({outcome.abstained})", "yellow")
        return ", ".join(f"{digit} ({percent(p, 1)})" for digit, p in outcome.top(top))
    if not outcome.digits:
        return paint("- (blank)", "yellow")
    least = min(digit.prediction.confidence for digit in outcome.digits)
    text = " ".join(outcome.text.split("\n"))
    return f"{paint(text, 'yellow') if '?' in text else text} ({percent(least, 1)})"


def result_document(result: PictureResult, top: int) -> dict[str, Any]:
    """Return the JSON form of one result.

    Args:
        result: one picture's.
        top: how many of the likeliest digits to list, if more than one.
    """
    from mnist_edge.inference.batch import outcome_document

    return {"path": result.path, **outcome_document(result.outcome, top=top)}


WRITERS: dict[Format, Callable[[Iterable[PictureResult], int], int]] = {
    Format.text: print_text,
    Format.json: print_json,
    Format.jsonl: print_jsonl,
    Format.csv: print_csv,
}
"""Writers of pictures of one digit, by format."""
PAGE_WRITERS = {**WRITERS, Format.csv: print_page_csv}
"""Writers of pictures of several digits."""
