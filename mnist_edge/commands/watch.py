"""``mnist-edge watch``: reads each picture that arrives in a folder."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import (
    AllOption,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
    note,
)
from mnist_edge.commands.prediction_output import PictureResult, result_document
from mnist_edge.errors import PictureError, PictureNotFound

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Page, Prediction
    from mnist_edge.preprocessing.decoding import Picture

_SLICE = 0.1
"""Seconds within which a signal is acted upon."""


def watch_command(
    folder: Annotated[Path, typer.Argument(help="Folder that pictures arrive in.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File of results; appended to where it exists.")
    ],
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    every: AllOption = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.05, max=3600, help="Seconds between looks.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Read the pictures that are there, and end.")
    ] = False,
    runtime: RuntimeOption = None,
) -> None:
    """Read each picture that arrives in a folder.

    Appends a line to the results for each, as predict --format jsonl writes it,
    and waits for more until it is ended (Ctrl-C, SIGTERM). Pictures that have a
    line are not read again, by the next start neither; they are known by their
    paths, so give each its own name. One that is still being written is waited
    for; names that begin with a dot are left alone.

    With --once, the exit status is 1 where a picture could not be read.
    """
    from mnist_edge.commands.predict import warn
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.folder_watcher import sweep, watch
    from mnist_edge.inference.inputs import read_picture
    from mnist_edge.inference.results_log import open_results_log

    if not folder.is_dir():
        raise PictureNotFound(f"no folder {folder}; make it, or check the path")
    # Results are known by paths that mean the same wherever the next start is from.
    folder = folder.resolve()
    with _ending() as ending, open_results_log(out) as results_log:
        classifier = Classifier(model, min_confidence=min_confidence)
        warn(classifier)
        note(f"watching {folder}: {len(results_log.pictures)} read before, results go to {out}")
        look = sweep if once else watch
        read: Callable[[Picture], Page | Prediction] = classifier.predict
        if every:
            read = classifier.predict_all
        count = failed = 0
        for arrival in look(folder, results_log.pictures, interval=interval, pause=ending.pause):
            outcome = read_picture((arrival.path, None), read)
            unreadable = isinstance(outcome, PictureError)
            # It may be a slow writer's.
            if (unreadable and not arrival.final) or not arrival.is_unchanged():
                continue
            result = PictureResult(path=arrival.path, outcome=outcome)
            results_log.append(result_document(result, top=1))
            count, failed = count + 1, failed + unreadable
            if unreadable:
                note(f"mnist-edge: {outcome}")
    note(f"{count - failed} read, {failed} could not be")
    if once and failed:
        raise typer.Exit(1)


class _Ending:
    """Whether a signal has asked for the end."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal: what is being written is finished first."""
        self._asked = True

    def pause(self, seconds: float) -> bool:
        """Waits; whether to go on."""
        # A sleep goes on to its end after a signal's handler returns, so it is a short one.
        until = time.monotonic() + seconds
        while not self._asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(_SLICE, left))
        return not self._asked


@contextmanager
def _ending() -> Iterator[_Ending]:
    """Listens for Ctrl-C and SIGTERM."""
    ending = _Ending()
    before = {number: signal.signal(number, ending.ask) for number in _SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
