"""Measurement of every scheme of a model folder on the same pictures."""

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
from mnist_edge.evaluation.report import statistics
from mnist_edge.evaluation.report.labeled_images import LabeledImages
from mnist_edge.evaluation.report.model_stats import read_model_stats
from mnist_edge.evaluation.report.results import (
    CorruptionResult,
    DataSummary,
    Report,
    SchemeReport,
    SchemeTimes,
    Times,
)
from mnist_edge.evaluation.report.robustness import CorruptionPlan, measure_corrupted
from mnist_edge.evaluation.report.statistics import SchemeOutputs
from mnist_edge.evaluation.report.timing import TIMED_DIGITS, time_scheme
from mnist_edge.evaluation.report.verdict import verdict
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.metrics.intervals import wilson_interval
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore.loading import StoredModel, convert_advice
from mnist_edge.modelstore.manifest import Score
from mnist_edge.modelstore.origin import require_one_network
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime

REFERENCE = "float32"
"""The default scheme to compare the others with."""

_CHUNK_SIZE = 500
"""Number of pictures per update of the progress."""


def count_steps(models: Sequence[StoredModel], images: LabeledImages, plan: CorruptionPlan) -> int:
    """Return the total that ``measure_schemes`` reports as progress."""
    per_scheme = len(images) + plan.count_inferences(len(images)) + TIMED_DIGITS
    return len(models) * per_scheme + plan.count_preprocessed(len(images))


def measure_schemes(
    models: Sequence[StoredModel],
    images: LabeledImages,
    *,
    reference: str = REFERENCE,
    plan: CorruptionPlan | None = None,
    command: str = "",
    on_progress: Callable[[int], None],
) -> Report:
    """Run every scheme of a folder on the same pictures in the same order.

    Args:
        models: the schemes of one folder, including the reference.
        images: labeled pictures; MNIST's test split for a figure to publish.
        reference: the scheme to compare the others with.
        plan: the corruptions (default: ``CorruptionPlan()``).
        command: the command line, for the report.
        on_progress: called with the number of pictures read since the last call.

    Raises:
        ModelNotFound: the reference is missing.
        MixedNetworks: the files were converted from different networks.
        ModelError: a model does not load.
    """
    plan = plan or CorruptionPlan()
    require_one_network(models)
    ordered = _reference_first(models, reference)
    opened = [(model, open_model(model)) for model in ordered]
    labels = images.digits.labels
    # Every scheme reads the same corrupted pictures: those of the digits as the reference saw them.
    originals = images.as_read_by(reference)
    corruptions = measure_corrupted(opened, originals, plan, on_progress=on_progress)
    first: SchemeOutputs | None = None
    schemes, speeds = [], []
    for (model, interpreter), results in zip(opened, corruptions, strict=True):
        seen = images.as_read_by(model.path.stem)
        logits, speed = _run(interpreter, seen.digits.images, on_progress)
        speeds.append(speed)
        outputs = SchemeOutputs(logits, model.temperature)
        first = first or outputs
        schemes.append(_scheme_report(model, first, outputs, seen, results))
    threads = tuple(sorted({1, available_cores()}))
    times = []
    for model, speed in zip(ordered, speeds, strict=True):
        times.append(time_scheme(model, images.digits.images, one_thread=speed, threads=threads))
        on_progress(TIMED_DIGITS)
    name = ordered[0].path.parent.resolve().name
    return Report(
        mnist_edge=__version__,
        command=command,
        model=name,
        reference=reference,
        verdict=verdict(name, schemes),
        runtime=describe_runtime(),
        data=DataSummary(
            name=images.name,
            pictures=len(labels),
            sha256=images.sha256(),
            unreadable=images.unreadable,
            without_digit=images.without_digit,
        ),
        schemes=tuple(schemes),
        times=_times(threads, times),
    )


def manifest_with_test_score(model: StoredModel, scheme: SchemeReport) -> str | None:
    """Return the model's manifest as JSON with the test score, or None without a manifest."""
    if model.manifest is None:
        return None
    score = Score(correct=scheme.correct, total=scheme.total, runtime=describe_runtime())
    return dataclasses.replace(model.manifest, test=score).to_json()


def _reference_first(models: Sequence[StoredModel], reference: str) -> list[StoredModel]:
    """Return the models with the reference moved to the front."""
    ordered = sorted(models, key=lambda model: model.path.stem != reference)
    if ordered[0].path.stem != reference:
        folder = ordered[0].path.parent
        raise ModelNotFound(
            f"{folder} has no {reference}.tflite to compare with{convert_advice(folder, reference)}"
        )
    return ordered


def _run(
    interpreter: Interpreter, images: NDArray[np.uint8], on_progress: Callable[[int], None]
) -> tuple[NDArray[np.float32], float]:
    """Return the logits of all pictures, and the number of pictures per second."""
    parts, seconds = [], 0.0
    for start in range(0, len(images), _CHUNK_SIZE):
        started = time.perf_counter()
        parts.append(interpreter.logits(images[start : start + _CHUNK_SIZE]))
        seconds += time.perf_counter() - started
        on_progress(len(parts[-1]))
    return np.concatenate(parts), len(images) / seconds


def _scheme_report(
    model: StoredModel,
    reference: SchemeOutputs,
    outputs: SchemeOutputs,
    images: LabeledImages,
    corruptions: tuple[CorruptionResult, ...],
) -> SchemeReport:
    labels = images.digits.labels
    stats = read_model_stats(model.content)
    pair = compare(reference.logits, outputs.logits, labels)
    correct = pair.both_right + pair.only_candidate
    abstained = statistics.abstentions(outputs, images.single_digit, model.min_confidence)
    # Without exactly one digit, no answer deserves any confidence.
    confidences = np.where(images.single_digit, outputs.confidences, 0)
    return SchemeReport(
        scheme=model.path.stem,
        sha256=model.sha256,
        size=len(model.content),
        parameters=stats.parameters,
        multiply_adds=stats.multiply_adds,
        arena=stats.arena,
        operators=stats.operators,
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
        pictures_to_see=statistics.detectable_drop(pair, is_reference=outputs is reference),
        abstained=int(abstained.sum()),
        flipped=int((reference.answers != outputs.answers).sum()),
        classes=statistics.class_metrics(reference, outputs, labels),
        confusion=statistics.confusion_counts(outputs, labels),
        flips=statistics.flipped_images(reference, outputs, images),
        mistakes=statistics.confident_mistakes(reference, outputs, images),
        suspect_labels=statistics.suspect_labels(reference, outputs, images),
        calibration=statistics.calibration_metrics(reference, outputs, labels),
        coverage=statistics.coverage_points(confidences, outputs.answers == labels),
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
