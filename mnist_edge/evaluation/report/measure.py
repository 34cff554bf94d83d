"""Every scheme of a model folder over the same pictures."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from mnist_edge import __version__
from mnist_edge.device import board, machine
from mnist_edge.errors import ModelNotFound
from mnist_edge.evaluation.report import model_stats, statistics
from mnist_edge.evaluation.report.details import CorruptionResult
from mnist_edge.evaluation.report.labelled_images import Pictures
from mnist_edge.evaluation.report.results import Data, Report, SchemeReport, SchemeTimes, Times
from mnist_edge.evaluation.report.robustness import Plan, measure_corrupted
from mnist_edge.evaluation.report.statistics import Reading
from mnist_edge.evaluation.report.timing import TIMED, time_scheme
from mnist_edge.evaluation.report.verdict import verdict
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.metrics.intervals import wilson_interval
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import Score
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime

REFERENCE = "float32"
"""The scheme that the others are compared with, unless another is named."""

_CHUNK = 500
"""Pictures between two moves of the progress bar."""


def steps(models: Sequence[StoredModel], pictures: Pictures, plan: Plan) -> int:
    """How many pictures ``measure`` will tell of as read."""
    return len(models) * (len(pictures) + plan.readings(len(pictures)) + TIMED)


def measure(
    models: Sequence[StoredModel],
    pictures: Pictures,
    *,
    reference: str = REFERENCE,
    plan: Plan | None = None,
    command: str = "",
    on_progress: Callable[[int], None],
) -> Report:
    """Runs every scheme of a folder over the same pictures in the same order.

    Args:
        models: of one folder, the reference among them.
        pictures: labelled; MNIST's test split for a figure to publish.
        reference: the scheme to compare the others with.
        plan: what is corrupted; the default severity on some of the pictures else.
        command: what was typed, for the report to tell.
        on_progress: called with how many pictures were read since the last call.

    Raises:
        ModelNotFound: the reference is missing.
        ModelError: a model does not load.
    """
    plan = plan or Plan()
    ordered = _ordered(models, reference)
    readers = [(model, open_model(model)) for model in ordered]
    labels = pictures.digits.labels
    corruptions = measure_corrupted(readers, pictures, plan, on_progress=on_progress)
    first: Reading | None = None
    schemes, speeds = [], []
    for (model, interpreter), results in zip(readers, corruptions, strict=True):
        logits, speed = _read(interpreter, pictures.digits.images, on_progress)
        speeds.append(speed)
        reading = Reading(logits, model.temperature)
        first = first or reading
        schemes.append(_scheme(model, first, reading, pictures, results))
    threads = tuple(sorted({1, available_cores()}))
    times = []
    for model, speed in zip(ordered, speeds, strict=True):
        images = pictures.digits.images
        times.append(time_scheme(model, images, one_thread=speed, threads=threads))
        on_progress(TIMED)
    name = ordered[0].path.parent.resolve().name
    return Report(
        mnist_edge=__version__,
        command=command,
        model=name,
        reference=reference,
        verdict=verdict(name, schemes),
        runtime=describe_runtime(),
        data=Data(
            name=pictures.name,
            pictures=len(labels),
            sha256=pictures.sha256(),
            unreadable=pictures.unreadable,
            without_digit=pictures.without_digit,
        ),
        schemes=tuple(schemes),
        times=_times(threads, times),
    )


def with_test_score(model: StoredModel, scheme: SchemeReport) -> str | None:
    """The model's manifest, as JSON, with the test score filled in; None without a manifest."""
    if model.manifest is None:
        return None
    score = Score(correct=scheme.correct, total=scheme.total, runtime=describe_runtime())
    return dataclasses.replace(model.manifest, test=score).to_json()


def _ordered(models: Sequence[StoredModel], reference: str) -> list[StoredModel]:
    """The reference first, the others as they come."""
    ordered = sorted(models, key=lambda model: model.path.stem != reference)
    if ordered[0].path.stem != reference:
        folder = ordered[0].path.parent
        raise ModelNotFound(
            f"{folder} has no {reference}.tflite to compare with; make it with: "
            f"mnist-edge convert {folder} --quantize {reference}"
        )
    return ordered


def _read(
    interpreter: Interpreter, images: NDArray[np.uint8], on_progress: Callable[[int], None]
) -> tuple[NDArray[np.float32], float]:
    """Logits of all pictures, and how many were read a second."""
    parts, seconds = [], 0.0
    for start in range(0, len(images), _CHUNK):
        began = time.perf_counter()
        parts.append(interpreter.logits(images[start : start + _CHUNK]))
        seconds += time.perf_counter() - began
        on_progress(len(parts[-1]))
    return np.concatenate(parts), len(images) / seconds


def _scheme(
    model: StoredModel,
    reference: Reading,
    reading: Reading,
    pictures: Pictures,
    corruptions: tuple[CorruptionResult, ...],
) -> SchemeReport:
    labels = pictures.digits.labels
    found = model_stats.inspect(model.content)
    pair = statistics.paired(reference, reading, labels)
    correct = pair.both_right + pair.only_candidate
    itself = reading is reference
    # Where there is no single digit, no confidence speaks for an answer.
    confidences = np.where(pictures.sure, reading.confidences, 0)
    return SchemeReport(
        scheme=model.path.stem,
        sha256=model.sha256,
        size=len(model.content),
        parameters=found.parameters,
        multiply_adds=found.multiply_adds,
        arena=found.arena,
        operators=found.operators,
        temperature=model.temperature,
        min_confidence=model.min_confidence,
        correct=correct,
        total=pair.total,
        accuracy=correct / pair.total,
        accuracy_interval=wilson_interval(correct, pair.total),
        both_right=pair.both_right,
        only_reference=pair.only_reference,
        only_candidate=pair.only_candidate,
        both_wrong=pair.both_wrong,
        drop_points=pair.drop,
        drop_interval=pair.drop_interval,
        largest_drop=pair.largest_drop,
        p_value=pair.p_value,
        agreement=pair.agreement,
        pictures_to_see=statistics.power(pair, itself=itself),
        abstained=int(statistics.abstained(reading, pictures.sure, model.min_confidence).sum()),
        flipped=int((reference.answers != reading.answers).sum()),
        classes=statistics.class_figures(reference, reading, labels),
        confusion=statistics.confusion(reading, labels),
        flips=statistics.flips(reference, reading, pictures),
        mistakes=statistics.mistakes(reference, reading, pictures),
        doubtful=statistics.doubtful(reference, reading, pictures),
        calibration=statistics.calibration(reference, reading, labels),
        coverage=statistics.coverage(confidences, reading.answers == labels),
        corruptions=corruptions,
    )


def _times(threads: tuple[int, ...], schemes: list[SchemeTimes]) -> Times:
    return Times(
        date=datetime.now(timezone.utc).date().isoformat(),
        machine=machine.describe_machine(),
        cpu=machine.describe_cpu(),
        threads=threads,
        governor=board.read_governor(),
        temperature_c=board.read_temperature(),
        peak_memory_mb=machine.peak_memory_mib(),
        schemes=tuple(schemes),
    )
