"""Read pictures by the thousand: in chunks, and in several processes if it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from mnist_edge.errors import PictureError
from mnist_edge.inference.classifier import Classifier, Prediction, batch_inputs
from mnist_edge.inference.inputs import FoundPicture, read_picture
from mnist_edge.inference.worker_pool import map_in_order
from mnist_edge.preprocessing.pipeline import ModelInput, preprocess

if TYPE_CHECKING:
    from mnist_edge.inference.page import Page

Outcome: TypeAlias = "Prediction | Page | PictureError"
"""What was read in a picture, or why nothing was."""
ChunkReader: TypeAlias = Callable[[Sequence[FoundPicture]], list[Outcome]]
"""A function that reads a chunk of pictures; it must be picklable to run in worker processes."""

_SINGLE_PROCESS_SECONDS = 0.3
"""Seconds after which worker processes are started; two of them take about as long to start."""
_MIN_CHUNK_SECONDS = 0.05
"""Seconds that a chunk should take: after one that took less, the next is twice as large."""
_MAX_CHUNK_SIZE = 256
"""Maximum number of pictures in a chunk: a worker is then busy for much longer than it waits for
the next chunk."""


def outcome_document(outcome: Outcome, *, top: int = 1) -> dict[str, Any]:
    """Return the JSON form of what was read in a picture.

    Args:
        outcome: the answer or the error.
        top: how many of the likeliest digits to list, if more than one.
    """
    if isinstance(outcome, PictureError):
        return {"error": {"type": type(outcome).__name__, "message": str(outcome)}}
    return outcome.to_dict(top=top) if isinstance(outcome, Prediction) else outcome.to_dict()


def outcome_answers(outcome: Outcome) -> list[tuple[str, float]]:
    """Return what a picture counts as: each digit's answer or reason for none, with its confidence.

    A page without digits is blank; what cannot be read counts as nothing.
    """
    if isinstance(outcome, PictureError):
        return []
    predictions = (
        [outcome] if isinstance(outcome, Prediction) else [one.prediction for one in outcome.digits]
    )
    answers = [(one.abstained or str(one.digit), one.confidence) for one in predictions]
    return answers or [("blank", 0.0)]


def read_digits(classifier: Classifier, chunk: Sequence[FoundPicture]) -> list[Outcome]:
    """Read the digit in each picture of a chunk, in batches."""
    return classify_readable(classifier, (read_picture(found, preprocess) for found in chunk))


def classify_readable(
    classifier: Classifier, inputs: Iterable[ModelInput | PictureError]
) -> list[Outcome]:
    """Classify preprocessed pictures in batches; the errors of others stay in their places."""
    outcomes: list[Outcome] = []
    for batch in batch_inputs(inputs):
        readable = [one for one in batch if isinstance(one, ModelInput)]
        predictions = iter(classifier.classify_many(readable))
        outcomes += [next(predictions) if isinstance(one, ModelInput) else one for one in batch]
    return outcomes


def read_pages(classifier: Classifier, chunk: Sequence[FoundPicture]) -> list[Outcome]:
    """Read every digit in each picture of a chunk."""
    return [read_picture(found, classifier.predict_all) for found in chunk]


def read_many(
    read_chunk: ChunkReader, pictures: Iterable[FoundPicture], *, jobs: int
) -> Generator[tuple[str, Outcome], None, None]:
    """Yield the path of each picture with what was read in it, in the pictures' order.

    The first result is yielded as soon as it is known, and no more pictures are held than are
    being read.

    Args:
        read_chunk: reads a chunk of pictures.
        pictures: what to read.
        jobs: number of worker processes, which start only if reading takes longer than their
            start; 1 reads everything in this process.

    Raises:
        WorkerLost: a worker process ended before its work was done.
    """
    remaining = iter(pictures)
    size, started = 1, time.monotonic()
    while chunk := list(islice(remaining, size)):
        chunk_started = time.monotonic()
        yield from _with_paths(chunk, read_chunk(chunk))
        now = time.monotonic()
        if now - chunk_started < _MIN_CHUNK_SECONDS:
            size = min(2 * size, _MAX_CHUNK_SIZE)
        if jobs > 1 and now - started > _SINGLE_PROCESS_SECONDS:
            break
    # Do not start workers if there is nothing left to read.
    if (first := next(remaining, None)) is None:
        return
    for chunk, outcomes in map_in_order(read_chunk, _chunks(first, remaining, size), jobs=jobs):
        yield from _with_paths(chunk, outcomes)


def _chunks(
    first: FoundPicture, remaining: Iterator[FoundPicture], size: int
) -> Iterator[list[FoundPicture]]:
    yield [first, *islice(remaining, size - 1)]
    while chunk := list(islice(remaining, size)):
        yield chunk


def _with_paths(
    chunk: list[FoundPicture], outcomes: list[Outcome]
) -> Iterator[tuple[str, Outcome]]:
    for (path, _), outcome in zip(chunk, outcomes, strict=True):
        yield path, outcome
