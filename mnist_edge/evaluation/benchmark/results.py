"""The results of a benchmark: dataclasses that mirror its JSON field by field."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge import __version__
from mnist_edge.device.thermal import ThermalState
from mnist_edge.evaluation.benchmark.timing import Latency, Ratio

SCHEMA_VERSION = 1
"""Version of the JSON fields."""


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Digits read per second, for one number of threads and one batch size."""

    threads: int
    """Number of threads, each with its own interpreter."""
    batch: int
    """Digits per call."""
    digits_per_second: float
    """Digits per second, all threads together."""


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """Starts of ``mnist-edge predict digit.png``, each in a new process."""

    starts: int
    """Number of timed starts; one more, before them, is not timed."""
    median_ms: float
    """Median time from start to exit, in milliseconds."""
    least_ms: float
    """Shortest time, in milliseconds."""
    peak_mib: float | None
    """Median of the peak memory, in MiB; None if the system does not report it."""


@dataclass(frozen=True, kw_only=True)
class OperatorTime:
    """Time of one operator of a model."""

    name: str
    """Name in the model file."""
    median_us: float
    """Median time per digit, in microseconds."""
    share: float
    """Share of the time of all operators, 0..1."""


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """The measurements of one model."""

    model: str
    """Folder and scheme."""
    sha256: str
    """Hash of its file, hexadecimal."""
    bytes: int
    """Size of its file, in bytes."""
    load_ms: float
    """Time to load the model into an interpreter, in milliseconds."""
    digit: Latency
    """``Classifier.predict`` of an array in MNIST's format."""
    picture: Latency
    """``Classifier.predict`` of ``digit.png``: decoding, preprocessing and inference."""
    throughput: tuple[Throughput, ...]
    """From pixels to logits, by number of threads and batch size."""
    cold_start: ColdStart
    operators: tuple[OperatorTime, ...] | None
    """In execution order; None if the runtime does not report them, as TFLite runtimes do not."""


@dataclass(frozen=True, kw_only=True)
class ModelRatios:
    """Times of a model relative to the first model, from interleaved rounds."""

    model: str
    """Folder and scheme."""
    to: str
    """Folder and scheme of the first model."""
    digit: Ratio
    """``Classifier.predict`` of an array."""
    cold_start: Ratio
    """``mnist-edge predict``."""


@dataclass(frozen=True, kw_only=True)
class BaselineRatios:
    """Times of a model relative to ``benchmark.baseline``, from interleaved rounds."""

    digit: Ratio
    """``Classifier.predict`` of an array, relative to the bare calls of the runtime."""
    cold_start: Ratio
    """``mnist-edge predict``, relative to a script of a few lines."""
    memory: float | None
    """Peak memory relative to the script's; None if the system does not report it."""


@dataclass(frozen=True, kw_only=True)
class RuntimeTime:
    """Time of one digit on one of the installed runtimes."""

    runtime: str
    """The runtime, with its version."""
    digit_us: float
    """Median time of a digit of the first model, in microseconds, without what surrounds the
    model."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The results, and where they were measured."""

    schema_version: int = SCHEMA_VERSION
    mnist_edge: str = __version__
    runtime: str
    """The runtime, with its version."""
    machine: str
    """Operating system, architecture, cores and Python version."""
    cpu: str | None
    """Name of the processor; None if unknown."""
    date: str
    """Date of the measurement, ISO 8601, UTC."""
    before: ThermalState
    after: ThermalState
    slowed: str | None
    """Why the machine was throttled during the measurement; None if it was not."""
    models: tuple[ModelTimes, ...]
    compared: tuple[ModelRatios, ...]
    """Every model but the first, relative to the first."""
    floor: BaselineRatios | None
    """The first model relative to the baseline; None if not requested."""
    runtimes: tuple[RuntimeTime, ...]
    """All that are installed and run the first model, each in a process of its own."""
    faster: str | None
    """The command that installs a faster one; None if none is known."""
