"""How ``mnist-edge predict`` writes what it read.

Each writer takes the answers as they come and gives how many pictures could not be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from mnist_edge import CLASSES
from mnist_edge.commands.console import Format, note
from mnist_edge.errors import PictureError

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Page, Prediction
    from mnist_edge.inference.results_log import ResultsLog
    from mnist_edge.preprocessing.pipeline import PreprocessingTrace

_COLUMNS = ("path", "digit", "confidence", "abstained", "error", *map(str, range(CLASSES)))
"""Of a CSV with one digit a picture."""
_EDGES = ("left", "top", "right", "bottom")
_PAGE_COLUMNS = ("path", "line", "digit", "confidence", "abstained", *_EDGES, "error")
"""Of a CSV with every digit of a picture."""


@dataclass(frozen=True, kw_only=True)
class PictureResult:
    """A picture with what was read in it, or with why nothing was."""

    path: str
    outcome: Prediction | Page | PictureError
    trace: PreprocessingTrace | None = None
    """What was seen in it; None where it could not be read."""


def print_text(answers: Iterable[PictureResult], top: int) -> int:
    """A line a picture."""
    failed = 0
    for answer in answers:
        if isinstance(answer.outcome, PictureError):
            failed += 1
            note(f"mnist-edge: {answer.outcome}")
        else:
            typer.echo(f"{answer.path}: {_said(answer.outcome, top)}")
    return failed


def print_json(answers: Iterable[PictureResult], top: int) -> int:
    """One list of all pictures."""
    documents = [result_document(answer, top) for answer in answers]
    typer.echo(json.dumps(documents, indent=2))
    return sum("error" in document for document in documents)


def print_jsonl(answers: Iterable[PictureResult], top: int) -> int:
    """One object a picture, each as soon as it is known."""
    failed = 0
    for answer in answers:
        document = result_document(answer, top)
        failed += "error" in document
        typer.echo(json.dumps(document))
    return failed


def append_jsonl(answers: Iterable[PictureResult], top: int, results_log: ResultsLog) -> int:
    """The same lines, put into a file as soon as they are known.

    Returns:
        How many pictures in the whole file could not be read.
    """
    for answer in answers:
        results_log.write(result_document(answer, top))
    return results_log.failed


def print_csv(answers: Iterable[PictureResult], top: int) -> int:
    """One row a picture."""
    del top  # all ten are in the row
    return _write_rows(answers, _COLUMNS, _row)


def print_page_csv(answers: Iterable[PictureResult], top: int) -> int:
    """One row a digit, and one for a picture that has none or cannot be read."""
    del top
    return _write_rows(answers, _PAGE_COLUMNS, _rows)


def _write_rows(
    answers: Iterable[PictureResult],
    columns: Sequence[str],
    rows: Callable[[dict[str, Any]], Iterable[dict[str, Any]]],
) -> int:
    import csv

    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    failed = 0
    for answer in answers:
        if isinstance(answer.outcome, PictureError):
            failed += 1
            writer.writerow({"path": answer.path, "error": str(answer.outcome)})
        else:
            writer.writerows(rows(result_document(answer, top=1)))
    return failed


def _row(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    probabilities = document.pop("probabilities")
    yield {**document, **{str(digit): p for digit, p in enumerate(probabilities)}}


def _rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    path = document["path"]
    for digit in document["digits"]:
        box = digit.pop("box")
        yield {"path": path, **digit, **dict(zip(_EDGES, box, strict=True))}
    if not document["digits"]:
        yield {"path": path, "abstained": "blank"}


def _said(outcome: Prediction | Page, top: int) -> str:
    """An answer in a line of text; lines of writing are parted by spaces."""
    from mnist_edge.inference.classifier import Page

    if not isinstance(outcome, Page):
        if outcome.abstained:
            return f"- ({outcome.abstained})"
        return ", ".join(f"{digit} ({100 * p:.1f} %)" for digit, p in outcome.top(top))
    if not outcome.digits:
        return "- (blank)"
    least = min(digit.prediction.confidence for digit in outcome.digits)
    lines = outcome.text.split("\n")
    return f"{' '.join(lines)} ({100 * least:.1f} %)"


def result_document(answer: PictureResult, top: int) -> dict[str, Any]:
    """One answer as JSON has it.

    Args:
        answer: of one picture.
        top: likeliest digits to list, where it is more than one.
    """
    from mnist_edge.inference.classifier import Page

    outcome = answer.outcome
    if isinstance(outcome, PictureError):
        error = {"type": type(outcome).__name__, "message": str(outcome)}
        return {"path": answer.path, "error": error}
    document = outcome.to_dict() if isinstance(outcome, Page) else outcome.to_dict(top=top)
    return {"path": answer.path, **document}


WRITERS: dict[Format, Callable[[Iterable[PictureResult], int], int]] = {
    Format.text: print_text,
    Format.json: print_json,
    Format.jsonl: print_jsonl,
    Format.csv: print_csv,
}
"""What writes pictures of one digit, by format."""
PAGE_WRITERS = {**WRITERS, Format.csv: print_page_csv}
"""What writes pictures of many."""
