"""``mnist-edge predict``: reads the digit in each picture."""

from __future__ import annotations

import csv
import glob
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import Format, note, tracked
from mnist_edge.errors import InvalidValue, PictureError, PictureNotFound
from mnist_edge.files import exists
from mnist_edge.modelstore import DEFAULT_MODEL

if TYPE_CHECKING:
    from mnist_edge.classifier import Classifier, Prediction

_MANY = 50
"""Pictures from which on progress is worth a line, where the answers themselves do not show it."""
_DECIMALS = 6
"""Digits after the point of a probability; int8 logits are far coarser."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A picture with what was read in it, or with why nothing was."""

    path: str
    outcome: Prediction | PictureError


def command(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE...",
            help="Image files, folders, glob patterns, or - for an image on standard input.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="A shipped model, a model folder, or a .tflite."),
    ] = DEFAULT_MODEL,
    pixels: Annotated[
        str | None,
        typer.Option(
            "--pixels",
            help="What a .tflite without a manifest takes its input to mean, such as pixels/255.",
            show_default="found by trying",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=10, help="Answers a picture.")] = 1,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            min=0,
            max=1,
            help="Abstain below this probability.",
            show_default="the model's own",
        ),
    ] = None,
    always: Annotated[
        bool, typer.Option("--always", help="Never abstain, not even from a blank picture.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", "-f", help="How to write.")] = Format.text,
) -> None:
    """Read the digit in each picture.

    A picture that cannot be read is reported and the others are read all the
    same; the exit status is then 1. One that is blank, not one digit, or of
    which the model is not sure enough has no answer, and says why.
    """
    from mnist_edge.classifier import Classifier

    if always and min_confidence is not None:
        raise InvalidValue("--always answers at any confidence: leave --min-confidence out")
    classifier = Classifier(model, pixels=pixels, min_confidence=min_confidence)
    if classifier.warning:
        note(f"warning: {classifier.warning}")
    found = list(find_pictures(pictures))
    paths = tracked(found, "reading", shown=len(found) >= _MANY and not sys.stdout.isatty())
    answers = _answers(classifier, paths)
    failed = _WRITERS[output](map(_insisted, answers) if always else answers, top)
    if failed:
        raise typer.Exit(1)


def find_pictures(names: Iterable[str]) -> Iterator[tuple[str, PictureError | None]]:
    """Every picture that some names stand for, in order.

    A folder stands for the image files in it and below it, sorted; a pattern for what it matches.
    A name that stands for none comes back itself, with the error.
    """
    for name in names:
        there = name == "-" or exists(name)
        # Path.glob takes no absolute pattern; glob.glob takes what a shell would.
        matches = [name] if there else sorted(glob.glob(name))  # noqa: PTH207
        pictures = [path for match in matches for path in _below(match)]
        if pictures:
            yield from ((path, None) for path in pictures)
        elif there:
            yield name, PictureNotFound(f"no picture in {name}; expected files such as digit.png")
        else:
            yield name, PictureNotFound(f"no picture {name}; check the path")


def _below(name: str) -> list[str]:
    from mnist_edge.picture import SUFFIXES

    if name == "-" or not Path(name).is_dir():
        return [name]
    return sorted(
        str(p) for p in Path(name).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()
    )


def _answers(
    classifier: Classifier, pictures: Iterable[tuple[str, PictureError | None]]
) -> Iterator[Answer]:
    for path, error in pictures:
        try:
            if error:
                raise error
            # Python has no standard input where the program was started with it closed.
            stdin = sys.stdin.buffer if sys.stdin else b""
            outcome = classifier.predict(stdin if path == "-" else path)
            yield Answer(path=path, outcome=outcome)
        except PictureError as reason:
            yield Answer(path=path, outcome=reason)


def _insisted(answer: Answer) -> Answer:
    """With the likeliest digit where there was none, but for a picture that cannot be read."""
    outcome = answer.outcome
    return (
        answer if isinstance(outcome, PictureError) else replace(answer, outcome=outcome.answered())
    )


def _document(answer: Answer, top: int) -> dict[str, Any]:
    """One answer as JSON has it."""
    outcome = answer.outcome
    if isinstance(outcome, PictureError):
        error = {"type": type(outcome).__name__, "message": str(outcome)}
        return {"path": answer.path, "error": error}
    document: dict[str, Any] = {
        "path": answer.path,
        "digit": outcome.digit,
        "confidence": round(outcome.confidence, _DECIMALS),
        "probabilities": [round(p, _DECIMALS) for p in outcome.probabilities],
    }
    if outcome.abstained:
        document["abstained"] = outcome.abstained
    if top > 1:
        document["top"] = [
            {"digit": digit, "confidence": round(p, _DECIMALS)} for digit, p in outcome.top(top)
        ]
    return document


def _write_text(answers: Iterable[Answer], top: int) -> int:
    failed = 0
    for answer in answers:
        outcome = answer.outcome
        if isinstance(outcome, PictureError):
            failed += 1
            note(f"mnist-edge: {outcome}")
        elif outcome.abstained:
            typer.echo(f"{answer.path}: - ({outcome.abstained})")
        else:
            said = ", ".join(f"{digit} ({100 * p:.1f} %)" for digit, p in outcome.top(top))
            typer.echo(f"{answer.path}: {said}")
    return failed


def _write_json(answers: Iterable[Answer], top: int) -> int:
    documents = [_document(answer, top) for answer in answers]
    typer.echo(json.dumps(documents, indent=2))
    return sum("error" in document for document in documents)


def _write_jsonl(answers: Iterable[Answer], top: int) -> int:
    failed = 0
    for answer in answers:
        document = _document(answer, top)
        failed += "error" in document
        typer.echo(json.dumps(document))
    return failed


def _write_csv(answers: Iterable[Answer], top: int) -> int:
    columns = ("path", "digit", "confidence", "abstained", "error", *map(str, range(10)))
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    failed = 0
    for answer in answers:
        document = _document(answer, top)
        failed += "error" in document
        probabilities = document.pop("probabilities", [])
        document.pop("top", None)
        if "error" in document:
            document["error"] = document["error"]["message"]
        numbered = {str(digit): p for digit, p in enumerate(probabilities)}
        writer.writerow({**document, **numbered})
    return failed


_WRITERS = {
    Format.text: _write_text,
    Format.json: _write_json,
    Format.jsonl: _write_jsonl,
    Format.csv: _write_csv,
}
