"""What a benchmark holds: dataclasses that mirror its JSON field for field."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge import __version__
from mnist_edge.device.thermal import ThermalState
from mnist_edge.evaluation.benchmark.timing import Latency, Ratio

SCHEMA_VERSION = 1
"""Version of the fields of a ``Benchmark``."""


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """How many digits are read in a second."""

    threads: int
    """Threads, each with an interpreter of its own."""
    batch: int
    """Digits that are given in a call."""
    digits_per_second: float
    """By all threads together."""


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """``mnist-edge predict digit.png``, in processes of its own; the first is left out."""

    starts: int
    """Times that it was started."""
    median_ms: float
    """From start to end, in milliseconds."""
    least_ms: float
    """The shortest of them."""
    peak_mib: float | None
    """The most memory that it held; None where the system does not tell."""


@dataclass(frozen=True, kw_only=True)
class OperatorTime:
    """What one operator of a model takes."""

    name: str
    """Its name in the model file."""
    median_us: float
    """Of one digit, in microseconds."""
    share: float
    """Of what all operators take, 0..1."""


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """What one model takes."""

    model: str
    """Folder and scheme."""
    sha256: str
    """Of its file."""
    bytes: int
    """Size of its file."""
    load_ms: float
    """From the file's bytes to an interpreter that is ready, in milliseconds."""
    digit: Latency
    """``Classifier.predict`` of an array in MNIST's form."""
    picture: Latency
    """``Classifier.predict`` of ``digit.png``: decoded, looked at, and read."""
    throughput: tuple[Throughput, ...]
    """From pixels to logits, by threads and digits in a call."""
    cold_start: ColdStart
    operators: tuple[OperatorTime, ...] | None
    """In the order that they are run; None where the runtime does not tell, as TFLite's do not."""


@dataclass(frozen=True, kw_only=True)
class ModelRatios:
    """A model's times in the first one's, measured in turn."""

    model: str
    """Folder and scheme."""
    to: str
    """The first one's."""
    digit: Ratio
    """Of ``Classifier.predict`` of an array."""
    cold_start: Ratio
    """Of ``mnist-edge predict``."""


@dataclass(frozen=True, kw_only=True)
class BaselineRatios:
    """A model's times in those of ``benchmark.baseline``, measured in turn."""

    digit: Ratio
    """``Classifier.predict`` of an array, in setting the input, running and reading the output."""
    cold_start: Ratio
    """``mnist-edge predict``, in a script of a few lines."""
    memory: float | None
    """Peak of the one in the other's; None where the system does not tell."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What was measured, and where."""

    schema_version: int = SCHEMA_VERSION
    mnist_edge: str = __version__
    runtime: str
    """What ran the models, with its version."""
    machine: str
    """System, architecture, cores and Python."""
    cpu: str | None
    """Name of the processor; None where it is not known."""
    date: str
    """Day of the measurement, ISO 8601, UTC."""
    before: ThermalState
    after: ThermalState
    slowed: str | None
    """Why the figures are those of a slowed machine; None where they are not."""
    models: tuple[ModelTimes, ...]
    compared: tuple[ModelRatios, ...]
    """Every model but the first, in the first."""
    floor: BaselineRatios | None
    """The first model's; None where it was not asked for."""
