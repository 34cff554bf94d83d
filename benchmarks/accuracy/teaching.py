"""Measure what a model gains when it is taught a writer's hand, and what it loses elsewhere.

    python -m benchmarks.accuracy.teaching
    python -m benchmarks.accuracy.teaching --from nano --counts 10,30 --writers "square 6,display"
    python -m benchmarks.accuracy.teaching --pictures my-hand --pictures meter/labels.csv

The pictures are those of `benchmarks/accuracy/writers.py`; all that are drawn are learned, and
others of the same writer are measured, in float32. Right is the most probable digit; an answer to a
picture of no digit counts if its confidence reaches the model's own minimum, fitted as `convert`
fits it.

`--pictures` measures real writers, one a folder or CSV file of labelled pictures: of each label the
first half is learned, in the order of the names, and the other half measured. They go through the
front end; those in which it finds no single digit are counted, and neither learned nor measured.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import shipped
from benchmarks.accuracy.writers import WRITERS, draw_writer
from mnist_edge.data.mnist import Digits, Mnist, load_mnist
from mnist_edge.inference.training_pictures import find_training_pictures, read_training_pictures
from mnist_edge.metrics.confidence import choose_threshold, fit_temperature, softmax
from mnist_edge.modelstore.manifest import Lineage
from mnist_edge.training import fine_tuning
from mnist_edge.training.fine_tuning_run import FineTuning, Lesson
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.outliers.generator import HELD_OUT_KINDS, draw_outliers
from mnist_edge.training.training_record import MODEL_FILE
from mnist_edge.training.training_run import predict_logits

TAUGHT_SEED, MEASURED_SEED = 40_000, 1_000_003
"""Of the drawing."""
MEASURED = 800
"""Pictures of a writer that are measured."""
OUTLIERS = 600
"""Pictures of no digit that are measured, of kinds that no recipe trains on."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a model reads; shares are 0..1."""

    right: float
    """Of the writer's digits."""
    mnist: float
    """Of MNIST's test digits."""
    outliers: float
    """Pictures of no digit that it answers."""


@dataclass(frozen=True, kw_only=True)
class TeachingRow:
    """A writer and a number of pictures."""

    writer: str
    pictures: int
    before: Scores
    after: Scores
    seconds: float
    """Processor time of the training."""

    @property
    def gone(self) -> float | None:
        """Share of the misreadings that are gone; None if there were none."""
        wrong = 1 - self.before.right
        return 1 - (1 - self.after.right) / wrong if wrong else None


class Listener:
    """Shows nothing."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Begin."""

    def on_step(self, step: int) -> None:
        """Note a step."""

    def on_round(self, record: dict[str, float]) -> None:
        """Note a round."""


def score(model: Any, writer: Digits, mnist: Mnist, outliers: Digits) -> Scores:
    """Measure a Keras model."""

    def right(digits: Digits) -> float:
        return float((predict_logits(model, digits).argmax(axis=1) == digits.labels).mean())

    logits = predict_logits(model, mnist.validation)
    temperature = fit_temperature(logits, mnist.validation.labels)
    probabilities = softmax(logits, temperature=temperature)
    minimum = choose_threshold(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == mnist.validation.labels
    )
    sure = softmax(predict_logits(model, outliers), temperature=temperature).max(axis=1)
    return Scores(
        right=right(writer), mnist=right(mnist.test), outliers=float((sure >= minimum).mean())
    )


def teach(parent: Any, digits: Digits, mnist: Mnist, settings: FineTuning) -> tuple[Any, float]:
    """Teach a copy of a model, and return it with the processor time in seconds."""
    lesson = Lesson(
        name="taught",
        learned=digits,
        watched=digits.take(np.arange(0)),
        lineage=Lineage(
            parent="parent",
            parent_weights_sha256=hashlib.sha256(b"").hexdigest(),
            pictures=len(digits),
            first_taken="2026-01-01",
            last_taken="2026-01-01",
        ),
        parent_points=None,
        sha256=(),
    )
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        fine_tuning.fine_tune(
            parent,
            lesson,
            mnist,
            Path(folder),
            settings=settings,
            resume=False,
            listener=Listener(),
        )
        seconds = time.process_time() - started
        model = import_keras().models.load_model(Path(folder) / MODEL_FILE, compile=False)
    return model, seconds


def measure_real(
    folder: Path, pictures: Path, mnist: Mnist, settings: FineTuning, *, limit: int
) -> tuple[TeachingRow, int]:
    """Teach a model half of a real writer's pictures, at most ``limit``, and measure the others.

    Args:
        folder: the model's.
        pictures: a folder or CSV file of labelled pictures.
        mnist: what is mixed in and measured.
        settings: how it is taught.
        limit: number of pictures that are learned, at most.

    Returns:
        The figures, and the number of pictures that the front end does not let through.
    """
    read, unusable = read_training_pictures(
        folder / "int8.tflite", find_training_pictures([pictures]), jobs=1, on_progress=_ignore
    )
    digits = [one for one in read if one.label is not None]
    labels = np.array([one.label for one in digits], np.uint8)
    images = Digits(images=np.stack([one.pixels for one in digits]), labels=labels)
    of_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    learned = np.concatenate([some[: (len(some) + 1) // 2] for some in of_label])
    measured = np.setdiff1d(np.arange(len(labels)), learned)
    if len(learned) > limit:
        learned = learned[np.linspace(0, len(learned), limit, endpoint=False).astype(int)]
    parent = fine_tuning.load_parent(folder)
    outliers = _outliers(mnist)
    before = score(parent, images.take(measured), mnist, outliers)
    model, seconds = teach(parent, images.take(learned), mnist, settings)
    after = score(model, images.take(measured), mnist, outliers)
    name = pictures.stem if pictures.stem != "labels" else pictures.parent.name
    row = TeachingRow(
        writer=name[:20], pictures=len(learned), before=before, after=after, seconds=seconds
    )
    return row, len(unusable)


def _ignore(count: int) -> None:
    """Show no progress."""


def _outliers(mnist: Mnist) -> Digits:
    drawn = draw_outliers(OUTLIERS, digits=mnist.test, seed=MEASURED_SEED, kinds=HELD_OUT_KINDS)
    return Digits(images=drawn, labels=np.zeros(len(drawn), np.uint8))


def measure(
    parent: Any, name: str, counts: Sequence[int], mnist: Mnist, settings: FineTuning
) -> list[TeachingRow]:
    """Teach a model each number of a writer's pictures."""
    measured = draw_writer(name, mnist, MEASURED, seed=MEASURED_SEED, measured=True)
    outliers = _outliers(mnist)
    before = score(parent, measured, mnist, outliers)
    rows = []
    for count in counts:
        digits = draw_writer(name, mnist, count, seed=TAUGHT_SEED, measured=False)
        model, seconds = teach(parent, digits, mnist, settings)
        after = score(model, measured, mnist, outliers)
        rows.append(
            TeachingRow(writer=name, pictures=count, before=before, after=after, seconds=seconds)
        )
    return rows


def table(rows: Sequence[TeachingRow]) -> str:
    """Format the rows as text."""
    lines = [
        f"{'writer':<20}{'pictures':>9}{'right before':>14}{'after':>9}{'gone':>9}"
        f"{'MNIST':>8}{'no digit':>10}{'CPU':>7}"
    ]
    for row in rows:
        gone = "" if row.gone is None else f"{100 * row.gone:.0f} %"
        lines.append(
            f"{row.writer:<20}{row.pictures:>9}{100 * row.before.right:>12.1f} %"
            f"{100 * row.after.right:>7.1f} %{gone:>9}"
            f"{100 * (row.after.mnist - row.before.mnist):>+8.2f}"
            f"{100 * (row.after.outliers - row.before.outliers):>+10.2f}{row.seconds:>5.0f} s"
        )
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(description="What teaching gains and loses.")
    parser.add_argument("--from", dest="parent", default="edge", help="a shipped model")
    parser.add_argument("--counts", default="10,30,100", help="numbers of pictures")
    parser.add_argument(
        "--pictures", type=Path, action="append", default=[], help="labelled pictures of a writer"
    )
    parser.add_argument("--most", type=int, default=100, help="of those, learned at most")
    parser.add_argument("--writers", default=",".join(WRITERS), help="names of writers")
    chosen = parser.parse_args()
    folder = Path(__file__).parents[2] / "models" / chosen.parent
    mnist = load_mnist()
    for pictures in chosen.pictures:
        row, unusable = measure_real(folder, pictures, mnist, FineTuning(), limit=chosen.most)
        print(
            f"{table([row])}\n{unusable} pictures without a single digit are left out", flush=True
        )
    if chosen.pictures:
        return
    parent = fine_tuning.load_parent(folder)
    counts = [int(count) for count in chosen.counts.split(",")]
    rows = []
    for name in chosen.writers.split(","):
        rows += measure(parent, name, counts, mnist, FineTuning())
        print(table(rows[-len(counts) :]), flush=True)
    print(f"\n{table(rows)}\nMNIST and no digit: change in points; {MEASURED} digits a writer")
    print(f"{chosen.parent} in float32, {shipped.told(shipped.setting())}")


if __name__ == "__main__":
    _main()
