"""Measure models on this machine: alone, relative to each other, and to a baseline."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.device import machine
from mnist_edge.device.doctor.probe import probe_model
from mnist_edge.device.thermal import read_thermal_state, throttling_reason
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.benchmark import baseline
from mnist_edge.evaluation.benchmark.cold_start import predict_argv, time_starts
from mnist_edge.evaluation.benchmark.results import (
    BaselineRatios,
    Benchmark,
    ColdStart,
    ModelRatios,
    ModelTimes,
    OperatorTime,
    RuntimeTime,
    Throughput,
)
from mnist_edge.evaluation.benchmark.timing import (
    WARM_UP,
    Clock,
    Ratio,
    call_each,
    measure_throughput,
    summarize_latency,
    summarize_ratio,
    time_each,
    time_interleaved,
    time_load,
)
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes import selection
from mnist_edge.runtimes.backends import open_backend
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.numpy_backend.executor import NumpyBackend
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import NUMPY, describe_runtime, selected_runtime
from mnist_edge.system.paths import SAMPLES
from mnist_edge.system.subprocesses import ChildFailed

BATCHES = (1, 32, 256)
"""Batch sizes for throughput."""
_DIGITS_PER_ROUND = 20
"""Digits that each model reads in a round of an interleaved comparison."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """Number of repetitions.

    Raises:
        InvalidValue: a number is below 1.
    """

    digits: int = 1_000
    """Digits for latency and throughput; ten of 1,000 are beyond the 99th percentile."""
    pictures: int = 100
    """Repetitions of reading a picture."""
    rounds: int = 50
    """Rounds of an interleaved comparison, except for cold starts."""
    starts: int = 5
    """Starts of each program."""

    def __post_init__(self) -> None:
        for name in ("digits", "pictures", "rounds", "starts"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"{name} {getattr(self, name)} must be at least 1")


def run_benchmark(
    models: Sequence[StoredModel],
    *,
    plan: BenchmarkPlan,
    measure_baseline: Callable[[StoredModel, BenchmarkPlan], BaselineRatios] | None = None,
    on_progress: Callable[[str], None] = lambda what: None,
) -> Benchmark:
    """Measure models on the selected runtime.

    Args:
        models: the first is compared with the others.
        plan: number of repetitions.
        measure_baseline: ``compare_with_baseline`` to compare the first model with the baseline.
        on_progress: called with a description of each step before it starts.

    Raises:
        ModelError: a model does not run.
        InvalidValue: ``measure_baseline`` is given, but the selected runtime is numpy.
        ProgramFailed: ``mnist-edge predict`` ended with an error.
    """
    # A model that does not run is told before minutes are spent on the others.
    for model in models:
        open_model(model)
    before = read_thermal_state()
    times = []
    for model in models:
        on_progress(f"measuring {model.name}")
        times.append(_measure_model(model, plan))
    compared: tuple[ModelRatios, ...] = ()
    if len(models) > 1:
        on_progress("comparing the models")
        compared = _compare_models(models, plan)
    against = None
    if measure_baseline is not None:
        on_progress("comparing with the baseline")
        against = measure_baseline(models[0], plan)
    on_progress("trying each runtime")
    runtimes = tuple(_time_runtimes(models[0]))
    after = read_thermal_state()
    return Benchmark(
        runtime=describe_runtime(),
        machine=machine.describe_machine(),
        cpu=machine.describe_cpu(),
        date=dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        before=before,
        after=after,
        slowed=throttling_reason(before, after),
        models=tuple(times),
        compared=compared,
        floor=against,
        runtimes=runtimes,
        faster=selection.faster_install_command(),
    )


def _time_runtimes(model: StoredModel) -> Iterator[RuntimeTime]:
    """Yield the time of a digit on each runtime that is installed and runs the model."""
    for name in selection.installed_runtimes():
        with suppress(ChildFailed), selection.using_runtime(name):
            found = probe_model(str(model.path))
            yield RuntimeTime(runtime=found["runtime"], digit_us=found["microseconds"])


def compare_with_baseline(model: StoredModel, plan: BenchmarkPlan) -> BaselineRatios:
    """Compare a model with a bare loop and a bare script on the same runtime.

    Raises:
        InvalidValue: the selected runtime is numpy.
        ProgramFailed: one of the programs ended with an error.
    """
    digits = load_builtin_digits().images[:_DIGITS_PER_ROUND]
    bare, classifier = baseline.bare_call(model.content), Classifier(model.path)
    inputs = baseline.as_input(digits, Interpreter(model.content).input)
    seconds = time_interleaved(
        [call_each(classifier.predict, digits), call_each(bare, inputs)], rounds=plan.rounds
    )
    ours, script = time_starts(
        [predict_argv(model.path, _PICTURE), baseline.script_argv(model.path, _PICTURE)],
        rounds=plan.starts,
    )
    peaks = (ours.peak_mib, script.peak_mib)
    return BaselineRatios(
        digit=summarize_ratio(*seconds),
        cold_start=summarize_ratio(ours.seconds, script.seconds),
        memory=peaks[0] / peaks[1] if peaks[0] and peaks[1] else None,
    )


def interleaved_ratios(
    calls: Sequence[Callable[[], object]], *, rounds: int, clock: Clock = time.perf_counter
) -> list[Ratio]:
    """Return the times of every other call relative to the first, interleaved: A B C A B C.

    The first round is not counted.
    """
    time_interleaved(calls, rounds=1, clock=clock)
    first, *others = time_interleaved(calls, rounds=rounds, clock=clock)
    return [summarize_ratio(other, first) for other in others]


def _measure_model(model: StoredModel, plan: BenchmarkPlan) -> ModelTimes:
    digits = np.resize(load_builtin_digits().images, (plan.digits, *DIGIT_SHAPE))
    classifier = Classifier(model.path)
    picture = _PICTURE.read_bytes()
    for _ in range(WARM_UP):
        classifier.predict(digits[0])
        classifier.predict(picture)
    (cold,) = time_starts([predict_argv(model.path, _PICTURE)], rounds=plan.starts)
    return ModelTimes(
        model=model.name,
        sha256=model.sha256,
        bytes=len(model.content),
        load_ms=1e3 * time_load(model.content),
        digit=summarize_latency(time_each(classifier.predict, digits)),
        picture=summarize_latency(
            time_each(lambda _: classifier.predict(picture), digits[: plan.pictures])
        ),
        throughput=tuple(
            Throughput(
                threads=threads,
                batch=batch,
                digits_per_second=measure_throughput(
                    model.content, digits, threads=threads, batch=batch
                ),
            )
            for threads in sorted({1, available_cores()})
            for batch in BATCHES
        ),
        cold_start=ColdStart(
            starts=plan.starts,
            median_ms=1e3 * statistics.median(cold.seconds),
            least_ms=1e3 * min(cold.seconds),
            peak_mib=cold.peak_mib,
        ),
        operators=_time_operators(model, digits) if selected_runtime() == NUMPY else None,
    )


def _compare_models(models: Sequence[StoredModel], plan: BenchmarkPlan) -> tuple[ModelRatios, ...]:
    digits = load_builtin_digits().images[:_DIGITS_PER_ROUND]
    ratios = interleaved_ratios(
        [call_each(Classifier(model.path).predict, digits) for model in models], rounds=plan.rounds
    )
    first, *others = time_starts(
        [predict_argv(model.path, _PICTURE) for model in models], rounds=plan.starts
    )
    return tuple(
        ModelRatios(
            model=model.name,
            to=models[0].name,
            digit=ratio,
            cold_start=summarize_ratio(starts.seconds, first.seconds),
        )
        for model, ratio, starts in zip(models[1:], ratios, others, strict=True)
    )


def _time_operators(model: StoredModel, digits: NDArray[np.uint8]) -> tuple[OperatorTime, ...]:
    backend = open_backend(model.content)
    if not isinstance(backend, NumpyBackend):
        raise TypeError(f"{type(backend).__name__} does not report the time of each operator")
    some = np.resize(digits, (2 * WARM_UP, *digits.shape[1:]))
    inputs = baseline.as_input(some, backend.inputs[0])
    rounds = [backend.time_operators(one[np.newaxis]) for one in inputs][WARM_UP:]
    medians = 1e6 * np.median(rounds, axis=0)
    names = [name for name, _, _ in backend.operators()]
    return tuple(
        OperatorTime(name=name, median_us=float(median), share=float(median / medians.sum()))
        for name, median in zip(names, medians, strict=True)
    )


_PICTURE = SAMPLES / "digit.png"
"""A drawing of 240x200 pixels, typical of users' pictures."""
