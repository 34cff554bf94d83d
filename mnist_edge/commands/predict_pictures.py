"""What ``mnist-edge predict`` does: finds pictures, reads them, and prints what it read."""

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
from typing import TYPE_CHECKING

from mnist_edge.commands import console
from mnist_edge.commands.prediction_output import (
    PAGE_WRITERS,
    WRITERS,
    Format,
    PictureResult,
    append_jsonl,
)
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.runtimes import selection

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.inputs import FoundPicture
    from mnist_edge.inference.results_log import Paths, ResultsLog
    from mnist_edge.inference.unsure_pictures import UnsurePictures


def predict_pictures(
    pictures: Sequence[str],
    *,
    model: str | None = None,
    pixels: str | None = None,
    top: int = 1,
    min_confidence: float | str | None = None,
    read_all: bool = False,
    always: bool = False,
    output: Format | None = None,
    paths_from: str | None = None,
    resume: Path | None = None,
    shard: str | None = None,
    jobs: int | None = None,
    explain: str | None = None,
    show: bool = False,
    keep_unsure: Path | None = None,
    keep_unsure_bytes: int = 0,
) -> int:
    """Read the digit in each picture, and print it.

    Args:
        pictures: image files, folders, glob patterns, or ``-`` for standard input.
        model: a model's name, folder or file.
        pixels: the pixel scaling of a model without a manifest.
        top: number of the likeliest digits to list, 1..10.
        min_confidence: 0..1, or the name of an operating point.
        read_all: read every digit in a picture.
        always: never abstain.
        output: how to print; by default as text.
        paths_from: a list of further pictures.
        resume: JSON lines to append to instead of printing.
        shard: the share to read, such as ``1/2``.
        jobs: processes to read with; by default one per core.
        explain: where to draw how each picture was read.
        show: print the pixels that the model saw.
        keep_unsure: a folder for pictures that are not read surely.
        keep_unsure_bytes: the size of that folder.

    Returns:
        How many pictures could not be read.

    Raises:
        MnistEdgeError: nothing can be read, or not with these arguments together.
    """
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.worker_pool import available_cores

    drawn = "--explain" if explain is not None else "--show" if show else None
    if always and min_confidence is not None:
        raise _conflict("--always", "--min-confidence", "--always answers at any confidence")
    single = "--show" if show else "--top" if top > 1 else None
    if read_all and single:
        raise _conflict("--all", single, f"{single} is for pictures of one digit")
    output_format = _output_format(output, show=show, resume=resume)
    _require_alone(drawn, resume=resume, jobs=jobs)
    unsure = _open_unsure(keep_unsure, keep_unsure_bytes, pictures)
    found = _find_pictures(pictures, paths_from, shard)
    targets: list[Path] = []
    if explain is not None:
        from mnist_edge.commands.explain_output import explanation_paths

        all_found = list(found)
        found, targets = iter(all_found), explanation_paths(explain, pictures, all_found)
    classifier = Classifier(model, pixels=pixels, min_confidence=min_confidence)
    warn_about(classifier)
    with ExitStack() as stack:
        stack.enter_context(unwinding_on_sigterm())
        results_log = stack.enter_context(_open_results_log(resume)) if resume else None
        if results_log:
            found = _skip_known(found, results_log.pictures)
        if not sys.stdout.isatty():
            found = console.count_progress(found, "reading")
        if drawn:
            results: Iterator[PictureResult] = _trace(found, classifier, read_all=read_all)
        else:
            # Standard input is this process's own.
            processes = 1 if "-" in pictures else jobs or available_cores()
            read = _read(found, classifier, read_all=read_all, jobs=processes)
            results = stack.enter_context(closing(read))
        results = map(partial(_kept, unsure, classifier), results) if unsure else results
        results = map(_answered, results) if always else results
        if targets:
            from mnist_edge.commands.explain_output import write_explanations

            results = write_explanations(results, targets)
        results = _print_pixels(results) if show else results
        if results_log:
            return append_jsonl(results, top, results_log)
        return (PAGE_WRITERS if read_all else WRITERS)[output_format](results, top)


def _conflict(first: str, second: str, reason: str) -> InvalidValue:
    return InvalidValue(f"{first} and {second} cannot be combined: {reason}")


def _output_format(output: Format | None, *, show: bool, resume: Path | None) -> Format:
    """Return the output format, if the other options leave the choice.

    Raises:
        InvalidValue: they do not.
    """
    if output is None:
        return Format.text
    if show and output is not Format.text:
        raise _conflict("--show", f"--format {output.value}", "--show prints pixels as text")
    if resume and output is not Format.jsonl:
        raise _conflict("--resume", f"--format {output.value}", "--resume appends JSON lines")
    return output


def _require_alone(drawn: str | None, *, resume: Path | None, jobs: int | None) -> None:
    """Reject ``--explain`` and ``--show`` together with ``--resume`` or ``--jobs``.

    Raises:
        InvalidValue: they are combined.
    """
    if drawn and resume:
        raise _conflict(drawn, "--resume", "pictures that were read before are not read again")
    if drawn and jobs not in (None, 1):
        raise _conflict(drawn, f"--jobs {jobs}", f"{drawn} reads in one process")


def _skip_known(found: Iterable[FoundPicture], known: Paths) -> Iterator[FoundPicture]:
    """Yield the pictures that are not known, each once, and make them known."""
    for path, error in found:
        if path not in known:
            known.add(path)
            yield path, error


def _open_results_log(path: Path) -> AbstractContextManager[ResultsLog]:
    # A start without --resume needs neither.
    from mnist_edge.inference.path_set import PathSet
    from mnist_edge.inference.results_log import open_results_log

    return open_results_log(path, PathSet(), warn=console.warn)


def _find_pictures(
    names: Sequence[str], paths_from: str | None, shard: str | None
) -> Iterator[FoundPicture]:
    """Find the pictures to read, one by one.

    Raises:
        InvalidValue: there are none, standard input is used twice, or the shard is not valid.
    """
    from mnist_edge.inference.inputs import Shard, find_pictures, read_path_list

    if not names and paths_from is None:
        raise InvalidValue("no picture is named; expected PICTURE..., or a list by --paths-from")
    if paths_from == "-" and "-" in names:
        raise _conflict("-", "--paths-from -", "standard input is one picture or a list")
    listed = () if paths_from is None else read_path_list(paths_from)
    found = chain(find_pictures(names), listed)
    share = None if shard is None else Shard.parse(shard)
    return found if share is None else (one for one in found if share.holds(one[0]))


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Unwind the program on SIGTERM, as on Ctrl-C: a line is finished, workers are ended."""

    def end(number: int, frame: FrameType | None) -> None:
        # A shell's status for a program that was ended by a signal.
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def warn_about(classifier: Classifier) -> None:
    """Print what a user should know before the predictions come."""
    if selection.is_numpy_fallback():
        console.note(
            "no TFLite runtime is installed: numpy runs the model, slower; for a faster one: "
            f"{selection.install_command()}"
        )
    if classifier.warning:
        console.warn(classifier.warning)


def _read(
    found: Iterable[FoundPicture], classifier: Classifier, *, read_all: bool, jobs: int
) -> Generator[PictureResult, None, None]:
    """Read pictures in chunks, in several processes if it takes long."""
    from mnist_edge.inference.batch import read_digits, read_many, read_pages

    work = partial(read_pages if read_all else read_digits, classifier)
    with closing(read_many(work, found, jobs=jobs)) as read:
        for path, outcome in read:
            yield PictureResult(path=path, outcome=outcome)


def _trace(
    found: Iterable[FoundPicture], classifier: Classifier, *, read_all: bool
) -> Iterator[PictureResult]:
    """Read pictures one by one, and keep what was seen in each."""
    from mnist_edge.inference.inputs import read_picture
    from mnist_edge.preprocessing.pipeline import PAGE_SIDE, WORKING_SIDE, trace_preprocessing

    trace_picture = partial(trace_preprocessing, side=PAGE_SIDE if read_all else WORKING_SIDE)
    for path, error in found:
        trace = read_picture((path, error), trace_picture)
        if isinstance(trace, PictureError):
            yield PictureResult(path=path, outcome=trace)
        elif read_all:
            yield PictureResult(path=path, outcome=classifier.classify_page(trace), trace=trace)
        else:
            decision = classifier.decide(trace)
            yield PictureResult(
                path=path,
                outcome=decision.prediction,
                trace=decision.chosen.trace,
                hypotheses=decision.hypotheses,
            )


def _open_unsure(
    folder: Path | None, max_bytes: int, names: Sequence[str]
) -> UnsurePictures | None:
    """Open the folder for unsure pictures, if there is to be one.

    Raises:
        InvalidValue: standard input is to be read.
        NotWritable: the folder cannot be created or written to.
    """
    if folder is None:
        return None
    from mnist_edge.inference.unsure_pictures import UnsurePictures

    if "-" in names:
        raise _conflict("--keep-unsure", "-", "what is kept is a copy of a file")
    return UnsurePictures(folder, max_bytes=max_bytes, warn=console.warn)


def _kept(unsure: UnsurePictures, classifier: Classifier, result: PictureResult) -> PictureResult:
    """Keep a copy of a picture that was not read surely."""
    unsure.keep_file(result.path, result.outcome, classifier)
    return result


def _answered(result: PictureResult) -> PictureResult:
    """Replace an abstention by the likeliest digit; an error stays."""
    outcome = result.outcome
    return (
        result
        if isinstance(outcome, PictureError)
        else replace(result, outcome=outcome.without_abstention())
    )


def _print_pixels(results: Iterable[PictureResult]) -> Iterator[PictureResult]:
    """Print the pixels of each result after the result itself."""
    from mnist_edge.inference.pixel_text import pixels_to_text

    for result in results:
        yield result
        if result.trace:
            console.print_line(
                pixels_to_text(result.trace.pixels, encoding=sys.stdout.encoding or "ascii")
            )
