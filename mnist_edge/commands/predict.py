"""``mnist-edge predict``: reads the digit in each picture."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from mnist_edge import runtimes
from mnist_edge.commands.answers import PAGE_WRITERS, WRITERS, Answer
from mnist_edge.commands.console import (
    AllOption,
    Format,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
    note,
    tracked,
)
from mnist_edge.errors import InvalidValue, PictureError, PictureNotFound
from mnist_edge.files import exists, require_writable

if TYPE_CHECKING:
    from mnist_edge.classifier import Classifier, Page, Prediction
    from mnist_edge.picture import Sight

_MANY = 50
"""Pictures from which on progress is worth a line, where the answers themselves do not show it."""
_LONGEST = 50
"""Characters of a picture's name that its explanation takes over: no system takes names of 256
bytes, and a character may be four."""

Found: TypeAlias = tuple[str, PictureError | None]
"""A picture's path, with the error where there is none."""


def command(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE...",
            help="Image files, folders, glob patterns, or - for an image on standard input.",
        ),
    ],
    model: ModelOption = None,
    pixels: Annotated[
        str | None,
        typer.Option(
            "--pixels",
            help="What a .tflite without a manifest takes its input to mean, such as pixels/255.",
            show_default="found by trying",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=10, help="Answers a picture.")] = 1,
    min_confidence: MinConfidenceOption = None,
    every: AllOption = False,
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
    runtime: RuntimeOption = None,
) -> None:
    """Read the digit in each picture.

    A picture that cannot be read is reported and the others are read all the
    same; the exit status is then 1. One that is blank, not one digit, or of
    which the model is not sure enough has no answer, and says why.

    With --all, a digit that the model is not sure enough of is a ?, and the
    percentage is of the digit that it is least sure of.
    """
    from mnist_edge.classifier import Classifier
    from mnist_edge.picture import PAGE_SIDE, WORKING_SIDE

    if always and min_confidence is not None:
        raise InvalidValue("--always answers at any confidence: leave --min-confidence out")
    if show and output is not Format.text:
        raise InvalidValue(f"--show prints pixels as text: leave --format {output.value} out")
    if every and (show or top > 1):
        option = "--show" if show else "--top"
        raise InvalidValue(f"{option} is for pictures of one digit: leave it or --all out")
    found = list(find_pictures(pictures))
    targets = None if explain is None else _targets(explain, pictures, found)
    classifier = Classifier(model, pixels=pixels, min_confidence=min_confidence)
    warn(classifier)
    paths = tracked(found, "reading", shown=len(found) >= _MANY and not sys.stdout.isatty())
    if every:
        answers = _answers(paths, PAGE_SIDE, classifier.judge_all)
    else:
        answers = _answers(paths, WORKING_SIDE, classifier.judge)
    if always:
        answers = map(_insisted, answers)
    if targets:
        answers = _explained(answers, targets)
    if show:
        answers = _shown(answers)
    writers = PAGE_WRITERS if every else WRITERS
    if writers[output](answers, top):
        raise typer.Exit(1)


def warn(classifier: Classifier) -> None:
    """Tells what a user should know before the answers come."""
    if runtimes.is_last_resort():
        note(
            "no TFLite runtime is installed: numpy runs the model, slower; for a faster one: "
            f"{runtimes.how_to_install()}"
        )
    if classifier.warning:
        note(f"warning: {classifier.warning}")


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


def _answers(
    pictures: Iterable[Found], side: int, judge: Callable[[Sight], Prediction | Page]
) -> Iterator[Answer]:
    from mnist_edge.picture import look

    for path, error in pictures:
        try:
            if error:
                raise error
            # Python has no standard input where the program was started with it closed.
            stdin = sys.stdin.buffer if sys.stdin else b""
            sight = look(stdin if path == "-" else path, side=side)
            yield Answer(path=path, outcome=judge(sight), sight=sight)
        except PictureError as reason:
            yield Answer(path=path, outcome=reason)


def _insisted(answer: Answer) -> Answer:
    """With the likeliest digit where there was none, but for a picture that cannot be read."""
    outcome = answer.outcome
    return (
        answer if isinstance(outcome, PictureError) else replace(answer, outcome=outcome.answered())
    )


def _shown(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Prints each answer's pixels once it is printed itself."""
    from mnist_edge.explain import as_text

    for answer in answers:
        yield answer
        if answer.sight:
            typer.echo(as_text(answer.sight.pixels, encoding=sys.stdout.encoding or "ascii"))
