"""``mnist-edge predict``: reads the digit in each picture."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import (
    AllOption,
    Format,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
    count_progress,
    note,
)
from mnist_edge.commands.explain_output import explanation_paths, write_explanations
from mnist_edge.commands.prediction_output import PAGE_WRITERS, WRITERS, PictureResult, append_jsonl
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.runtimes import selection

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.inputs import FoundPicture
    from mnist_edge.inference.results_log import Paths


def predict_command(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PICTURE...",
            help="Image files, folders, glob patterns, or - for an image on standard input.",
            show_default=False,
        ),
    ] = None,
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
    output: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="How to write.", show_default=Format.text.value),
    ] = None,
    paths_from: Annotated[
        str | None,
        typer.Option(
            "--paths-from",
            metavar="FILE",
            help="Pictures of a list, too: UTF-8, a path a line as it stands, no pattern or "
            "folder; - for standard input.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="OUT.jsonl",
            help="Append the lines of jsonl to a file, and skip the pictures that have one.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Read a share of the pictures, from 1/N to N/N, told by a hash of the path as "
            "it is given: start every share in the same folder.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=256,
            help="Processes that read, where it takes long; 1 for this one.",
            show_default="one a core",
        ),
    ] = None,
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

    --resume and --shard go by the path as it is given, which for a picture of a
    folder begins with the folder's. A run that is killed goes on where it was
    with the same --resume; the exit status is of all the lines in the file.
    """
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.path_set import PathSet
    from mnist_edge.inference.results_log import open_results_log
    from mnist_edge.inference.worker_pool import available_cores

    drawn = "--explain" if explain is not None else "--show" if show else None
    if always and min_confidence is not None:
        raise InvalidValue("--always answers at any confidence: leave --min-confidence out")
    single = "--show" if show else "--top" if top > 1 else None
    if every and single:
        raise InvalidValue(f"{single} is for pictures of one digit: leave it or --all out")
    form = _form(output, show=show, resume=resume)
    _require_alone(drawn, resume=resume, jobs=jobs)
    names = pictures or []
    found = _chosen(names, paths_from, shard)
    targets: list[Path] = []
    if explain is not None:
        every_one = list(found)
        found, targets = iter(every_one), explanation_paths(explain, names, every_one)
    classifier = Classifier(model, pixels=pixels, min_confidence=min_confidence)
    warn(classifier)
    with ExitStack() as stack:
        stack.enter_context(_ending())
        results_log = stack.enter_context(open_results_log(resume, PathSet())) if resume else None
        if results_log:
            found = _new(found, results_log.pictures)
        if not sys.stdout.isatty():
            found = count_progress(found, "reading")
        if drawn:
            answers: Iterator[PictureResult] = _traced(found, classifier, every=every)
        else:
            # Standard input is this process's own.
            processes = 1 if "-" in names else jobs or available_cores()
            read = _read(found, classifier, every=every, jobs=processes)
            answers = stack.enter_context(closing(read))
        answers = map(_insisted, answers) if always else answers
        answers = write_explanations(answers, targets) if targets else answers
        answers = _shown(answers) if show else answers
        if results_log:
            failed = append_jsonl(answers, top, results_log)
        else:
            failed = (PAGE_WRITERS if every else WRITERS)[form](answers, top)
    if failed:
        raise typer.Exit(1)


def _form(output: Format | None, *, show: bool, resume: Path | None) -> Format:
    """How to write, where other options leave the choice.

    Raises:
        InvalidValue: they do not.
    """
    if output is None:
        return Format.text
    if show and output is not Format.text:
        raise InvalidValue(f"--show prints pixels as text: leave --format {output.value} out")
    if resume and output is not Format.jsonl:
        raise InvalidValue(f"--resume appends lines of jsonl: leave --format {output.value} out")
    return output


def _require_alone(drawn: str | None, *, resume: Path | None, jobs: int | None) -> None:
    """Pictures whose way to an answer is shown are read here and now.

    Raises:
        InvalidValue: or would not be.
    """
    if drawn and resume:
        raise InvalidValue(f"{drawn} has nothing of pictures read before: leave it or --resume out")
    if drawn and jobs not in (None, 1):
        raise InvalidValue(f"{drawn} is drawn by one process: leave it or --jobs out")


def _new(found: Iterable[FoundPicture], known: Paths) -> Iterator[FoundPicture]:
    """The pictures that are not known, each once; they are known from then on."""
    for path, error in found:
        if path not in known:
            known.add(path)
            yield path, error


def _chosen(
    names: Sequence[str], paths_from: str | None, shard: str | None
) -> Iterator[FoundPicture]:
    """The pictures that were asked for, one by one.

    Raises:
        InvalidValue: there are none, standard input is asked for twice, or a bad shard.
    """
    from mnist_edge.inference.inputs import Shard, find_pictures, read_path_list

    if not names and paths_from is None:
        raise InvalidValue("no picture is named: give PICTURE..., or a list by --paths-from")
    if paths_from == "-" and "-" in names:
        raise InvalidValue("standard input is one picture or a list: leave - or --paths-from out")
    listed = () if paths_from is None else read_path_list(paths_from)
    found = chain(find_pictures(names), listed)
    share = None if shard is None else Shard.parse(shard)
    return found if share is None else (one for one in found if share.holds(one[0]))


@contextmanager
def _ending() -> Iterator[None]:
    """Has SIGTERM unwind the program, as Ctrl-C does: a line is finished, workers are ended."""

    def end(number: int, frame: FrameType | None) -> None:
        # What a shell gives for a program that a signal ended.
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def warn(classifier: Classifier) -> None:
    """Tells what a user should know before the answers come."""
    if selection.is_numpy_fallback():
        note(
            "no TFLite runtime is installed: numpy runs the model, slower; for a faster one: "
            f"{selection.install_command()}"
        )
    if classifier.warning:
        note(f"warning: {classifier.warning}")


def _read(
    found: Iterable[FoundPicture], classifier: Classifier, *, every: bool, jobs: int
) -> Generator[PictureResult, None, None]:
    """Reads pictures by the chunk, in several processes where it takes long."""
    from mnist_edge.inference.batch import read_digits, read_many, read_pages

    work = partial(read_pages if every else read_digits, classifier)
    with closing(read_many(work, found, jobs=jobs)) as read:
        for path, outcome in read:
            yield PictureResult(path=path, outcome=outcome)


def _traced(
    found: Iterable[FoundPicture], classifier: Classifier, *, every: bool
) -> Iterator[PictureResult]:
    """Read pictures one by one, and keep the trace of each."""
    from mnist_edge.inference.inputs import read_picture
    from mnist_edge.preprocessing.pipeline import PAGE_SIDE, WORKING_SIDE, trace_preprocessing

    trace_picture = partial(trace_preprocessing, side=PAGE_SIDE if every else WORKING_SIDE)
    for path, error in found:
        trace = read_picture((path, error), trace_picture)
        if isinstance(trace, PictureError):
            yield PictureResult(path=path, outcome=trace)
        else:
            outcome = classifier.classify_page(trace) if every else classifier.classify(trace)
            yield PictureResult(path=path, outcome=outcome, trace=trace)


def _insisted(answer: PictureResult) -> PictureResult:
    """With the likeliest digit where there was none, but for a picture that cannot be read."""
    outcome = answer.outcome
    return (
        answer
        if isinstance(outcome, PictureError)
        else replace(answer, outcome=outcome.without_abstention())
    )


def _shown(answers: Iterable[PictureResult]) -> Iterator[PictureResult]:
    """Prints each answer's pixels once it is printed itself."""
    from mnist_edge.inference.explain import pixels_to_text

    for answer in answers:
        yield answer
        if answer.trace:
            typer.echo(pixels_to_text(answer.trace.pixels, encoding=sys.stdout.encoding or "ascii"))
