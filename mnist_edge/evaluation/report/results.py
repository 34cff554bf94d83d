"""What a report holds: dataclasses that mirror ``report.json`` field for field."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge.evaluation.report.details import (
    Calibration,
    ClassFigures,
    CorruptionResult,
    CoveragePoint,
    Operators,
    PicturesToSee,
    ReadPicture,
)
from mnist_edge.metrics.intervals import Interval

SCHEMA_VERSION = 2
"""Version of these fields; 1 had no intervals, pictures or corruptions."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A picture that nothing could be read in."""

    path: str
    """Where it is, as the data names it."""
    reason: str
    """Why, in a line."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """The pictures that every scheme read, in one order."""

    name: str
    """``MNIST test``, or the folder or CSV that they are from."""
    pictures: int
    """How many were read."""
    sha256: dict[str, str]
    """Of the pixels and of the labels, as IDX files in that order."""
    unreadable: tuple[Unreadable, ...]
    """Those that could not be read; they count nowhere."""
    without_digit: tuple[Unreadable, ...]
    """Those that are blank or show no single digit. Every scheme abstains from them; in the
    accuracy the likeliest digit counts."""


@dataclass(frozen=True, kw_only=True)
class SchemeReport:
    """One scheme over the pictures; the reference is compared with itself."""

    scheme: str
    """Its name."""
    sha256: str
    """Of the ``.tflite`` file."""
    size: int
    """Of the file, in bytes."""
    parameters: int
    """Weights and biases in it."""
    multiply_adds: int
    """Multiplications, each with an addition, of one digit's convolutions and dense layers."""
    arena: int | None
    """Bytes of activations that are held at once at most, for one digit: the least that a
    microcontroller's arena takes, a runtime's own records left out. None in older reports."""
    operators: tuple[Operators, ...]
    """What a runtime must know to run it, by name and version."""
    temperature: float
    """What its logits are divided by before the softmax."""
    min_confidence: float
    """Confidence below which it abstains, 0..1."""
    correct: int
    """Pictures read right, abstained from or not."""
    total: int
    """Pictures read."""
    accuracy: float
    """The share of them, 0..1."""
    accuracy_interval: Interval
    """Wilson's, of 95 % confidence, 0..1."""
    both_right: int
    """Pictures that both it and the reference read right."""
    only_reference: int
    """Pictures that the reference alone read right."""
    only_candidate: int
    """Pictures that it alone read right."""
    both_wrong: int
    """Pictures that both misread."""
    drop_points: float
    """Accuracy lost against the reference, in percentage points; negative if gained."""
    drop_interval: Interval
    """Where the drop lies with 95 % confidence, in percentage points."""
    largest_drop: float
    """Its upper end: larger ones are excluded."""
    p_value: float
    """McNemar's exact two-sided p of no difference, 0..1."""
    agreement: float
    """Share of the pictures with the reference's answer, right or wrong, 0..1."""
    pictures_to_see: PicturesToSee
    """How many pictures a smaller drop would take."""
    abstained: int
    """Pictures it is less sure of than it must be, or that show no single digit."""
    flipped: int
    """Pictures with another answer than the reference's."""
    classes: tuple[ClassFigures, ...]
    """Ten, digit by digit."""
    confusion: tuple[tuple[int, ...], ...]
    """10x10: a row a label, a column an answer."""
    flips: tuple[ReadPicture, ...]
    """The pictures that flipped, in order: all, or the first 500."""
    mistakes: tuple[ReadPicture, ...]
    """Its ten most confident mistakes, the surest first."""
    doubtful: tuple[ReadPicture, ...]
    """Pictures whose label is in doubt: it and the reference are sure of the same other digit."""
    calibration: Calibration
    """Confidence against accuracy."""
    coverage: tuple[CoveragePoint, ...]
    """Accuracy against coverage, at most 60 points, from full coverage down."""
    corruptions: tuple[CorruptionResult, ...]
    """By kind and severity; none where none were asked for."""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """A limit, and what was held against it."""

    name: str
    """The option that set it."""
    limit: float
    """What is allowed."""
    value: float
    """What the scheme that comes worst off has."""
    unit: str
    """Of both."""
    scheme: str
    """The scheme that comes worst off."""
    passed: bool
    """Whether the value is within the limit."""


@dataclass(frozen=True, kw_only=True)
class SchemeTimes:
    """What one scheme takes on this machine."""

    scheme: str
    """Its name."""
    load_ms: float
    """From the file's bytes to an interpreter that is ready, in milliseconds."""
    median_us: float
    """Of one digit on one thread, in microseconds: set the input, run, read the output."""
    p95_us: float
    """What 95 of 100 digits stay under."""
    p99_us: float
    """What 99 of 100 digits stay under."""
    throughput: dict[str, float]
    """Digits a second by threads, each with an interpreter of its own."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """What another run would have otherwise, and what it was measured on."""

    date: str
    """Day of the measurement, ISO 8601, UTC."""
    machine: str
    """System, architecture, cores and Python."""
    cpu: str | None
    """Name of the processor, and its flags that matter to int8; None where unknown."""
    threads: tuple[int, ...]
    """Threads that throughput was measured with."""
    governor: str | None
    """How the system sets the processor's frequency; None where it does not tell."""
    temperature_c: float | None
    """Of the processor at the end, in degrees Celsius; None where the system does not tell."""
    peak_memory_mb: float | None
    """The most memory the process had, in MiB; None where the system does not tell."""
    schemes: tuple[SchemeTimes, ...]
    """In the report's order."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A model's schemes over the same pictures."""

    schema_version: int = SCHEMA_VERSION
    """Version of these fields."""
    mnist_edge: str
    """Version of this package."""
    command: str
    """What was typed."""
    model: str
    """Name of the model folder."""
    reference: str
    """The scheme that the others are compared with."""
    verdict: str
    """What quantization costs, in a sentence."""
    runtime: str
    """The runtime with its version."""
    data: Data
    """What was read."""
    schemes: tuple[SchemeReport, ...]
    """The reference first."""
    gates: tuple[GateResult, ...] = ()
    """In the order of the options."""
    times: Times
    """All that two runs do not share."""

    @property
    def candidates(self) -> tuple[SchemeReport, ...]:
        """The schemes that are compared with the reference."""
        return self.schemes[1:]
