"""``mnist-edge predict``: reads the digit in each picture."""

from __future__ import annotations

import csv
import glob
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import Format, tracked
from mnist_edge.errors import MnistEdgeError, PictureError, PictureNotFound
from mnist_edge.modelstore import DEFAULT_MODEL

if TYPE_CHECKING:
    from mnist_edge.classifier import Classifier, Prediction

_MANY = 50
"""Pictures from which on progress is worth a line."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A picture with what was read in it, or with why nothing was."""

    path: str
    prediction: Prediction | None = None
    error: MnistEdgeError | None = None


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
    top: Annotated[int, typer.Option("--top", min=1, max=10, help="Answers a picture.")] = 1,
    min_confidence: Annotated[
        float,
        typer.Option("--min-confidence", min=0, max=1, help="Abstain below this probability."),
    ] = 0.0,
    output: Annotated[Format, typer.Option("--format", "-f", help="How to write.")] = Format.text,
) -> None:
    """Read the digit in each picture.

    A picture that cannot be read is reported and the others are read all the
    same; the exit status is then 1.
    """
    from mnist_edge.classifier import Classifier

    classifier = Classifier(model, min_confidence=min_confidence)
    found = list(find_pictures(pictures))
    paths = tracked(found, "reading", shown=len(found) >= _MANY)
    failed = _WRITERS[output](_answers(classifier, paths), top)
    if failed:
        raise typer.Exit(1)


def find_pictures(names: Iterable[str]) -> Iterator[str | PictureError]:
    """Every picture that some names stand for, in order; an error for each that stands for none.

    A folder stands for the image files in it and below it, sorted; a pattern for what it matches.
    """
    for name in names:
        matches = [name] if name == "-" or Path(name).exists() else sorted(glob.glob(name))
        pictures = [path for match in matches for path in _below(match)]
        if pictures:
            yield from pictures
        elif Path(name).is_dir():
            yield PictureNotFound(f"no picture in {name}; expected files such as digit.png")
        else:
            yield PictureNotFound(f"no picture {name}; check the path")


def _below(name: str) -> list[str]:
    from mnist_edge.picture import SUFFIXES

    if not Path(name).is_dir():
        return [name]
    return sorted(str(p) for p in Path(name).rglob("*") if p.suffix.lower() in SUFFIXES)


def _answers(
    classifier: Classifier, pictures: Iterable[str | PictureError]
) -> Iterator[Answer]:
    for picture in pictures:
        if isinstance(picture, PictureError):
            yield Answer(path=str(picture).split(";")[0], error=picture)
            continue
        try:
            source = sys.stdin.buffer if picture == "-" else picture
            yield Answer(path=picture, prediction=classifier.predict(source))
        except PictureError as error:
            yield Answer(path=picture, error=error)


def _document(answer: Answer, top: int) -> dict[str, Any]:
    """One answer as JSON has it."""
    if answer.error:
        error = {"type": type(answer.error).__name__, "message": str(answer.error)}
        return {"path": answer.path, "error": error}
    assert answer.prediction is not None
    prediction = answer.prediction
    document: dict[str, Any] = {
        "path": answer.path,
        "digit": prediction.digit,
        "confidence": round(prediction.confidence, 6),
        "probabilities": [round(p, 6) for p in prediction.probabilities],
    }
    if prediction.abstained:
        document["abstained"] = prediction.abstained
    if top > 1:
        document["top"] = [
            {"digit": digit, "confidence": round(p, 6)} for digit, p in prediction.top(top)
        ]
    return document


def _write_text(answers: Iterable[Answer], top: int) -> int:
    failed = 0
    for answer in answers:
        if answer.error:
            failed += 1
            typer.echo(f"mnist-edge: {answer.error}", err=True)
            continue
        assert answer.prediction is not None
        prediction = answer.prediction
        if prediction.abstained:
            said = f"- ({prediction.abstained})"
        else:
            said = ", ".join(f"{digit} ({100 * p:.1f} %)" for digit, p in prediction.top(top))
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
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "digit", "confidence", "abstained", "error", *map(str, range(10))])
    failed = 0
    for answer in answers:
        document = _document(answer, top)
        failed += "error" in document
        digit = document.get("digit")
        writer.writerow(
            [
                document["path"],
                "" if digit is None else digit,
                document.get("confidence", ""),
                document.get("abstained", ""),
                document["error"]["message"] if "error" in document else "",
                *document.get("probabilities", [""] * 10),
            ]
        )
    return failed


_WRITERS = {
    Format.text: _write_text,
    Format.json: _write_json,
    Format.jsonl: _write_jsonl,
    Format.csv: _write_csv,
}
