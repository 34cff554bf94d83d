"""``mnist-edge watch FOLDER``: reads pictures as they arrive."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from mnist_edge.commands.console import fail, note, warn
from mnist_edge.commands.prediction_output import PictureResult, result_document
from mnist_edge.errors import PictureError, PictureNotFound

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Prediction
    from mnist_edge.inference.page import Page
    from mnist_edge.inference.results_log import ResultsLog
    from mnist_edge.inference.unsure_pictures import UnsurePictures
    from mnist_edge.preprocessing.decoding import Picture


def watch_folder(
    folder: Path,
    out: Path,
    model: str | None,
    min_confidence: float | str | None,
    unsure: "UnsurePictures | None",
    *,
    read_all: bool,
    interval: float,
    once: bool,
    pause: Callable[[float], bool],
) -> int:
    """Read the pictures of a folder until the end is asked for.

    Args:
        folder: that pictures arrive in.
        out: where the results go as JSON lines; ``-`` for standard output.
        model: that reads them.
        min_confidence: instead of the model's.
        unsure: keeps the pictures that are not read surely.
        read_all: read every digit of a picture.
        interval: between two looks, in seconds.
        once: read the pictures that are there, and end.
        pause: waits for some seconds, and returns whether to go on.

    Returns:
        Number of pictures that could not be read.

    Raises:
        PictureNotFound: the folder is not there.
    """
    from mnist_edge.commands.predict_pictures import warn_about
    from mnist_edge.data.daily_counts import counting
    from mnist_edge.inference.batch import outcome_answers
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.folder_watcher import sweep, watch
    from mnist_edge.inference.inputs import read_picture

    if not folder.is_dir():
        raise PictureNotFound(f"no folder {folder}; make it, or check the path")
    # Results are compared by paths that mean the same wherever the next start is from.
    folder = folder.resolve()
    source = f"watch {folder}"
    classifier = Classifier(model, min_confidence=min_confidence)
    warn_about(classifier)
    with _open_results(out) as results, counting(source, warn=warn) as counts:
        place = "standard output" if str(out) == "-" else out
        note(f"watching {folder}: {len(results.pictures)} read before, results go to {place}")
        look = sweep if once else watch
        read: Callable[[Picture], Page | Prediction] = classifier.predict
        if read_all:
            read = classifier.predict_all
        count = failed = 0
        for arrival in look(folder, results.pictures, interval=interval, pause=pause):
            outcome = read_picture((arrival.path, None), read)
            unreadable = isinstance(outcome, PictureError)
            # It may still be being written.
            if (unreadable and not arrival.final) or not arrival.is_unchanged():
                continue
            counts.add(classifier.model.sha256, outcome_answers(outcome))
            if unsure:
                unsure.keep_file(arrival.path, outcome, classifier)
            result = PictureResult(path=arrival.path, outcome=outcome)
            results.append(result_document(result, top=1))
            count, failed = count + 1, failed + unreadable
            if unreadable:
                fail(outcome)
    note(f"{count - failed} read, {failed} could not be read")
    return failed


class _PrintedResults:
    """Results on standard output, which last as long as the process."""

    def __init__(self) -> None:
        self.pictures: set[str] = set()
        """Paths of the pictures that have a line."""

    def append(self, document: Mapping[str, Any]) -> None:
        """Print one line at once, whoever reads them."""
        typer.echo(json.dumps(document))
        self.pictures.add(document["path"])


_Results: TypeAlias = "ResultsLog | _PrintedResults"


@contextmanager
def _open_results(out: Path) -> Iterator[_Results]:
    """Open a results file, or standard output for ``-``."""
    from mnist_edge.inference.results_log import open_results_log

    if str(out) == "-":
        yield _PrintedResults()
    else:
        with open_results_log(out, warn=warn) as results_log:
            yield results_log
