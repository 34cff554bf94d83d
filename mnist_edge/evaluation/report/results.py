"""The contents of a report: frozen dataclasses that mirror ``report.json`` field by field."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnist_edge.metrics.intervals import Interval

SCHEMA_VERSION = 2
"""Version of these fields; version 1 had no intervals, pictures or corruptions."""


@dataclass(frozen=True, kw_only=True)
class ImageProblem:
    """A picture that could not be read, or that does not show exactly one digit."""

    path: str
    """Path of the picture, as the data names it."""
    reason: str
    """The reason, in one line."""


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """The pictures that every scheme read, in the same order."""

    name: str
    """``MNIST test``, or the name of the user's folder or CSV file."""
    pictures: int
    """Number of pictures that were read."""
    sha256: dict[str, str]
    """Hashes of the pixels and of the labels, each as an IDX file."""
    unreadable: tuple[ImageProblem, ...]
    """Pictures that could not be read; no figure includes them."""
    without_digit: tuple[ImageProblem, ...]
    """Pictures that are blank or do not show exactly one digit. Every scheme abstains from them;
    the accuracy counts the likeliest digit."""


@dataclass(frozen=True, kw_only=True)
class OperatorCount:
    """Number of operators of one kind in a model file."""

    name: str
    """Name in the TFLite schema, for example ``CONV_2D``."""
    version: int
    """Version of the operator's definition."""
    count: int
    """Number of operators."""


@dataclass(frozen=True, kw_only=True)
class SchemeAnswer:
    """One scheme's answer to one picture."""

    digit: int
    """The likeliest digit, 0..9."""
    confidence: float
    """Its calibrated probability, 0..1."""


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """One picture with the answers of the reference and of a scheme."""

    index: int
    """Position among the pictures, from 0."""
    path: str | None
    """Path of the file; None for a digit of MNIST."""
    label: int
    """The labeled digit, 0..9."""
    reference: SchemeAnswer
    """Answer of the reference."""
    candidate: SchemeAnswer
    """Answer of the scheme."""
    pixels: str
    """784 bytes in base64, row by row, 0 background, 255 ink."""


@dataclass(frozen=True, kw_only=True)
class ClassMetrics:
    """Recall and precision of one digit."""

    digit: int
    """The digit, 0..9."""
    count: int
    """Number of pictures with this label."""
    recall: float | None
    """Share of them that is read correctly, 0..1; None if there are none."""
    precision: float | None
    """Share of the answers with this digit that is correct, 0..1; None if there are none."""
    recall_drop_points: float | None
    """Recall lost against the reference, in percentage points."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Pictures of similar confidence: one bar of a reliability diagram."""

    lower: float
    """Lower bound of the confidence, exclusive, 0..1."""
    upper: float
    """Upper bound of the confidence, inclusive, 0..1."""
    count: int
    """Number of pictures in the bin."""
    confidence: float | None
    """Their mean confidence; None if there are none."""
    accuracy: float | None
    """Share of them that is read correctly; None if there are none."""


@dataclass(frozen=True, kw_only=True)
class CalibrationMetrics:
    """Confidence compared with accuracy, at the temperature from the manifest."""

    error: float
    """Expected calibration error, 0..1."""
    negative_log_likelihood: float
    """Mean negative log-likelihood of the labeled digit, in nats."""
    bins: tuple[Bin, ...]
    """Reliability diagram."""
    true_class_change: float
    """Mean change of the labeled digit's probability against the reference, -1..1."""
    symmetric_divergence: float
    """Mean symmetric KL divergence from the reference's probabilities, in nats."""


@dataclass(frozen=True, kw_only=True)
class CoveragePoint:
    """Accuracy of the remaining answers when the scheme abstains below a confidence."""

    coverage: float
    """Share of the pictures that is answered, 0..1."""
    accuracy: float
    """Share of those answers that is correct, 0..1."""
    threshold: float
    """Lowest confidence that is answered, 0..1."""


@dataclass(frozen=True, kw_only=True)
class PredictedAnswers:
    """Answers as ``mnist-edge predict`` gives them, through its front end and with abstentions."""

    total: int
    """Number of pictures: all, or an evenly spaced selection."""
    right: int
    """Number of pictures that are answered correctly."""
    wrong: int
    """Number of pictures that are answered wrongly."""
    abstained: int
    """Number of pictures that are not answered."""
    drop_points: float
    """Share of right answers lost against the reference on the same pictures, in percentage
    points."""
    drop_interval: Interval
    """95 % confidence interval of that drop, in percentage points."""
    p_value: float
    """P-value of McNemar's exact two-sided test of that drop, 0..1."""

    @property
    def right_share(self) -> float:
        """``right`` as a share of the pictures, 0..1."""
        return self.right / self.total

    @property
    def wrong_share(self) -> float:
        """``wrong`` as a share of the pictures, 0..1."""
        return self.wrong / self.total

    @property
    def abstained_share(self) -> float:
        """``abstained`` as a share of the pictures, 0..1."""
        return self.abstained / self.total


@dataclass(frozen=True, kw_only=True)
class CorruptionResult:
    """Accuracy on pictures with one kind of corruption, as bare arrays of 28x28 pixels."""

    kind: str
    """One of ``mnist_edge.data.corruptions.CORRUPTIONS``."""
    severity: int
    """Severity, 1..5."""
    correct: int
    """Number of corrupted pictures read correctly."""
    total: int
    """Number of corrupted pictures: all of the report's, or an evenly spaced selection."""
    accuracy: float
    """Share read correctly, 0..1."""
    drop_points: float
    """Accuracy lost against the reference on the same pictures, in percentage points."""
    drop_interval: Interval
    """95 % confidence interval of that drop, in percentage points."""
    abstained: int | None = None
    """Number of pictures that the scheme abstains from, because its confidence is below
    ``min_confidence`` or the picture does not show exactly one digit. None in older reports."""
    wrong_answers: int | None = None
    """Number of pictures that are misread and not abstained from. None in older reports."""
    predicted: PredictedAnswers | None = None
    """What a user gets for these pictures, or for some of them. None in older reports."""

    @property
    def abstained_share(self) -> float | None:
        """``abstained`` as a share of the pictures, 0..1."""
        return None if self.abstained is None else self.abstained / self.total

    @property
    def wrong_share(self) -> float | None:
        """``wrong_answers`` as a share of the pictures, 0..1."""
        return None if self.wrong_answers is None else self.wrong_answers / self.total


@dataclass(frozen=True, kw_only=True)
class DetectableDrop:
    """Number of pictures needed to detect a small drop."""

    drop_points: float
    """The drop, in percentage points."""
    pictures: int | None
    """Pictures needed for a power of 80 % at the measured discordance; None for the reference."""


@dataclass(frozen=True, kw_only=True)
class SchemeReport:
    """Results of one scheme; the reference is compared with itself."""

    scheme: str
    """Name of the scheme."""
    sha256: str
    """Hash of the ``.tflite`` file."""
    size: int
    """Size of the file in bytes."""
    parameters: int
    """Number of weights and biases."""
    multiply_adds: int
    """Multiply-accumulate operations of the convolutions and dense layers, per digit."""
    arena: int | None = None
    """Peak size of the activations in bytes, for one digit: the least that a microcontroller's
    arena needs, without the runtime's own records. None in older reports."""
    operators: tuple[OperatorCount, ...]
    """Operators that a runtime must support, by name and version."""
    temperature: float
    """Divisor of the logits before the softmax."""
    min_confidence: float
    """Confidence below which the scheme abstains, 0..1."""
    correct: int
    """Number of pictures read correctly, whether abstained from or not."""
    total: int
    """Number of pictures."""
    accuracy: float
    """Share of the pictures that is read correctly, 0..1."""
    accuracy_interval: Interval
    """Wilson's 95 % confidence interval of the accuracy, 0..1."""
    both_right: int
    """Number of pictures that the scheme and the reference both read correctly."""
    only_reference: int
    """Number of pictures that only the reference reads correctly."""
    only_candidate: int
    """Number of pictures that only the scheme reads correctly."""
    both_wrong: int
    """Number of pictures that both misread."""
    drop_points: float
    """Accuracy lost against the reference, in percentage points; negative for a gain."""
    drop_interval: Interval
    """95 % confidence interval of the drop, in percentage points."""
    largest_drop: float
    """Upper end of that interval: larger drops are excluded."""
    p_value: float
    """P-value of McNemar's exact two-sided test, 0..1."""
    agreement: float
    """Share of the pictures with the same answer as the reference, right or wrong, 0..1."""
    pictures_to_see: DetectableDrop
    """Number of pictures needed to detect a smaller drop."""
    abstained: int
    """Number of pictures that the scheme abstains from, because its confidence is below
    ``min_confidence`` or the picture does not show exactly one digit."""
    flipped: int
    """Number of pictures with a different answer than the reference."""
    classes: tuple[ClassMetrics, ...]
    """Ten entries, one per digit."""
    confusion: tuple[tuple[int, ...], ...]
    """10x10 counts: rows are labels, columns are answers."""
    flips: tuple[ImageResult, ...]
    """The pictures whose answer changed, in order: all, or the first 500."""
    mistakes: tuple[ImageResult, ...]
    """The ten most confident mistakes, in descending order of confidence."""
    suspect_labels: tuple[ImageResult, ...] = field(metadata={"json": "doubtful"})
    """Pictures whose label may be wrong: the scheme and the reference are both confident of the
    same other digit."""
    calibration: CalibrationMetrics
    """Confidence compared with accuracy."""
    coverage: tuple[CoveragePoint, ...]
    """Accuracy against coverage: at most 60 points, from full coverage down."""
    corruptions: tuple[CorruptionResult, ...]
    """Results by kind and severity; empty if nothing was corrupted."""

    @property
    def is_predicted(self) -> bool:
        """Whether there are answers of predict to corrupted pictures."""
        return any(result.predicted for result in self.corruptions)


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """A limit and the value that was checked against it."""

    name: str
    """The option that set the limit."""
    limit: float
    """The limit."""
    value: float
    """The worst scheme's value."""
    unit: str
    """Unit of the limit and of the value."""
    scheme: str
    """The worst scheme."""
    passed: bool
    """Whether the value is within the limit."""


@dataclass(frozen=True, kw_only=True)
class SchemeTimes:
    """Load time, latency and throughput of one scheme on this machine."""

    scheme: str
    """Name of the scheme."""
    load_ms: float
    """Time from the file's bytes to a ready interpreter, in milliseconds."""
    median_us: float
    """Median latency of one digit on one thread, in microseconds: set the input, run, read the
    output."""
    p95_us: float
    """95th percentile of the latency, in microseconds."""
    p99_us: float
    """99th percentile of the latency, in microseconds."""
    throughput: dict[str, float]
    """Digits per second by number of threads; each thread has its own interpreter."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Everything that differs between two runs, and the machine that was measured."""

    date: str
    """Day of the measurement, ISO 8601, UTC."""
    machine: str
    """System, architecture, cores and Python version."""
    cpu: str | None
    """Name of the processor and its flags that matter to int8; None if unknown."""
    threads: tuple[int, ...]
    """Numbers of threads that throughput was measured with."""
    governor: str | None
    """The system's CPU frequency governor; None if unknown."""
    temperature_c: float | None
    """Temperature of the processor at the end, in degrees Celsius; None if unknown."""
    peak_memory_mb: float | None
    """Peak memory of the process, in MiB; None if unknown."""
    schemes: tuple[SchemeTimes, ...]
    """In the report's order."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results of a model's schemes on the same pictures."""

    schema_version: int = SCHEMA_VERSION
    """Version of these fields."""
    mnist_edge: str
    """Version of this package."""
    command: str
    """The command line."""
    model: str
    """Name of the model folder."""
    reference: str
    """The scheme that the others are compared with."""
    verdict: str
    """The cost of quantization, in one sentence."""
    runtime: str
    """The runtime with its version."""
    data: DataSummary
    """The pictures."""
    schemes: tuple[SchemeReport, ...]
    """Results by scheme, the reference first."""
    gates: tuple[GateResult, ...] = ()
    """Results of the gates, in the order of the options."""
    times: Times
    """Everything that differs between two runs."""

    @property
    def reference_scheme(self) -> SchemeReport:
        """The reference's own results."""
        return self.schemes[0]

    @property
    def candidates(self) -> tuple[SchemeReport, ...]:
        """The schemes that are compared with the reference."""
        return self.schemes[1:]
