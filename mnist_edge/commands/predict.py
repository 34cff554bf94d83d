"""``mnist-edge predict``: reads the digit in each picture."""

from __future__ import annotations

import csv
import glob
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from mnist_edge.commands.console import Format, note, tracked
from mnist_edge.errors import InvalidValue, PictureError, PictureNotFound
from mnist_edge.files import exists, require_writable
from mnist_edge.modelstore import DEFAULT_MODEL

if TYPE_CHECKING:
    from mnist_edge.classifier import Classifier, Prediction
    from mnist_edge.picture import Sight

_MANY = 50
"""Pictures from which on progress is worth a line, where the answers themselves do not show it."""
_DECIMALS = 6
"""Digits after the point of a probability; int8 logits are far coarser."""
_LONGEST = 50
"""Characters of a picture's name that its explanation takes over: no system takes names of 256
bytes, and a character may be four."""

Found: TypeAlias = tuple[str, PictureError | None]
"""A picture's path, with the error where there is none."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A picture with what was read in it, or with why nothing was."""

    path: str
    outcome: Prediction | PictureError
    sight: Sight | None = None
    """What was seen in it; None where it could not be read."""


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
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="OUT",
            help="Draw how each was read, into a .png or .jpg, or for several into a folder.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the pixels that the model saw, too.")
    ] = False,
) -> None:
    """Read the digit in each picture.

    A picture that cannot be read is reported and the others are read all the
    same; the exit status is then 1. One that is blank, not one digit, or of
    which the model is not sure enough has no answer, and says why.
    """
    from mnist_edge.classifier import Classifier

    if always and min_confidence is not None:
        raise InvalidValue("--always answers at any confidence: leave --min-confidence out")
    if show and output is not Format.text:
        raise InvalidValue(f"--show prints pixels as text: leave --format {output.value} out")
    found = list(find_pictures(pictures))
    targets = None if explain is None else _targets(explain, pictures, found)
    classifier = Classifier(model, pixels=pixels, min_confidence=min_confidence)
    if classifier.warning:
        note(f"warning: {classifier.warning}")
    paths = tracked(found, "reading", shown=len(found) >= _MANY and not sys.stdout.isatty())
    answers = _answers(classifier, paths)
    if always:
        answers = map(_insisted, answers)
    if targets:
        answers = _explained(answers, targets)
    writer = partial(_write_text, show=True) if show else _WRITERS[output]
    if writer(answers, top):
        raise typer.Exit(1)


def find_pictures(names: Iterable[str]) -> Iterator[Found]:
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


def _targets(out: str, names: Sequence[str], found: Sequence[Found]) -> list[Path]:
    """Where the explanation of each picture goes: ``out`` itself, or a numbered file in it.

    Raises:
        InvalidValue: no name, a suffix of no known format, or that of a picture to be read.
        NotWritable: the folder cannot be made or written to.
    """
    from mnist_edge.explain import FORMATS

    if not out:
        raise InvalidValue("--explain has no name; expected a file such as how.png, or a folder")
    paths = [path for path, _ in found]
    # A folder or a pattern may stand for one picture today, and for more tomorrow.
    one_picture = len(names) == 1 and paths == names
    # Path.is_dir raises for too long a name.
    if one_picture and not out.endswith((os.sep, "/")) and not os.path.isdir(out):  # noqa: PTH112
        targets = [Path(out)]
        if targets[0].suffix.lower() not in FORMATS:
            raise InvalidValue(
                f"--explain {out}: no format has this suffix; expected a file such as how.png, "
                f"or a folder, as {out}/"
            )
    else:
        targets = [Path(out) / _numbered(number, path) for number, path in enumerate(paths, 1)]
    read = {os.path.realpath(path) for path, error in found if not error and path != "-"}
    for target in targets:
        if os.path.realpath(target) in read:
            raise InvalidValue(f"--explain would write over {target}, which is to be read")
    require_writable(targets[0].parent)
    return targets


def _numbered(number: int, path: str) -> str:
    """The name of one explanation of several: pictures of many folders may have one name."""
    stem = "stdin" if path == "-" else Path(path).stem
    return f"{number:04}-{stem[:_LONGEST]}.png"


def _explained(answers: Iterable[Answer], targets: Iterable[Path]) -> Iterator[Answer]:
    """Draws each answer into its file as it passes; there is none to a picture not read."""
    from mnist_edge.explain import write

    for answer, target in zip(answers, targets, strict=True):
        if answer.sight and not isinstance(answer.outcome, PictureError):
            write(target, answer.sight, answer.outcome)
        yield answer


def _answers(classifier: Classifier, pictures: Iterable[Found]) -> Iterator[Answer]:
    from mnist_edge.picture import look

    for path, error in pictures:
        try:
            if error:
                raise error
            # Python has no standard input where the program was started with it closed.
            stdin = sys.stdin.buffer if sys.stdin else b""
            sight = look(stdin if path == "-" else path)
            yield Answer(path=path, outcome=classifier.judge(sight), sight=sight)
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


def _write_text(answers: Iterable[Answer], top: int, *, show: bool = False) -> int:
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
        if show and answer.sight:
            from mnist_edge.explain import as_text

            typer.echo(as_text(answer.sight.pixels, encoding=sys.stdout.encoding or "ascii"))
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
