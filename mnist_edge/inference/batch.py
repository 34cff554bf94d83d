"""Reading pictures by the thousand: in chunks, and in several processes where it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from mnist_edge.errors import PictureError
from mnist_edge.inference.classifier import Classifier, Page, Prediction
from mnist_edge.inference.inputs import Found, picture_at
from mnist_edge.inference.worker_pool import in_order
from mnist_edge.preprocessing.pipeline import PAGE_SIDE, ModelInput, preprocess, trace_preprocessing

Outcome: TypeAlias = Prediction | Page | PictureError
"""What was read in a picture, or why nothing was."""
Work: TypeAlias = Callable[[Sequence[Found]], list[Outcome]]
"""What reads a chunk of pictures; it can be pickled where it is to be done by workers."""

_SOON = 0.3
"""Seconds in which a run is done without workers: two take about as long to start."""
_BRIEF = 0.05
"""Seconds that a chunk takes, below which the next is twice as large."""
_CHUNK = 256
"""Pictures in a chunk at most: a worker is then busy for long beside the time that it waits for
the next."""


def read_digits(classifier: Classifier, chunk: Sequence[Found]) -> list[Outcome]:
    """Reads the digit in each picture of a chunk, all that can be read together."""
    seen = [_seen(path, error) for path, error in chunk]
    predictions = iter(classifier.judge_many([one for one in seen if isinstance(one, ModelInput)]))
    return [next(predictions) if isinstance(one, ModelInput) else one for one in seen]


def _seen(path: str, error: PictureError | None) -> ModelInput | PictureError:
    try:
        return error or preprocess(picture_at(path))
    except PictureError as reason:
        return reason


def read_pages(classifier: Classifier, chunk: Sequence[Found]) -> list[Outcome]:
    """Reads every digit in each picture of a chunk."""
    return [_page(classifier, path, error) for path, error in chunk]


def _page(classifier: Classifier, path: str, error: PictureError | None) -> Outcome:
    try:
        return error or classifier.judge_all(trace_preprocessing(picture_at(path), side=PAGE_SIDE))
    except PictureError as reason:
        return reason


def read_many(
    work: Work, found: Iterable[Found], *, jobs: int
) -> Generator[tuple[str, Outcome], None, None]:
    """Yields each picture's path with what was read in it, in their order.

    The first answer comes as soon as it is there; no more pictures are held than are being read.

    Args:
        work: what reads a chunk.
        found: the pictures.
        jobs: worker processes where it takes longer than their start; 1 for none.

    Raises:
        WorkerLost: one ended before its work was done.
    """
    remaining = iter(found)
    size, started = 1, time.monotonic()
    while chunk := list(islice(remaining, size)):
        began = time.monotonic()
        yield from _paired(chunk, work(chunk))
        now = time.monotonic()
        if now - began < _BRIEF:
            size = min(2 * size, _CHUNK)
        if jobs > 1 and now - started > _SOON:
            break
    # Ends where there is none left to read, before a worker is started.
    if (first := next(remaining, None)) is None:
        return
    for chunk, outcomes in in_order(work, _chunks(first, remaining, size), jobs=jobs):
        yield from _paired(chunk, outcomes)


def _chunks(first: Found, remaining: Iterator[Found], size: int) -> Iterator[list[Found]]:
    yield [first, *islice(remaining, size - 1)]
    while chunk := list(islice(remaining, size)):
        yield chunk


def _paired(chunk: list[Found], outcomes: list[Outcome]) -> Iterator[tuple[str, Outcome]]:
    for (path, _), outcome in zip(chunk, outcomes, strict=True):
        yield path, outcome
