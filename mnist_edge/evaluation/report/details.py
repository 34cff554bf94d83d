"""The parts of a scheme's report: dataclasses that mirror ``report.json`` field for field."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge.metrics.intervals import Interval


@dataclass(frozen=True, kw_only=True)
class Operators:
    """Operators of a kind in a model file."""

    name: str
    """The schema's name, for example ``CONV_2D``."""
    version: int
    """Of its definition."""
    count: int
    """How many there are."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a scheme makes of a picture."""

    digit: int
    """The likeliest digit, 0..9."""
    confidence: float
    """Its calibrated probability, 0..1."""


@dataclass(frozen=True, kw_only=True)
class ReadPicture:
    """A picture worth a look, with both answers."""

    index: int
    """Where it stands among the pictures, from 0."""
    path: str | None
    """Of the file; None for a digit of MNIST."""
    label: int
    """The digit that it shows, 0..9."""
    reference: Answer
    """Of the reference."""
    candidate: Answer
    """Of the scheme."""
    pixels: str
    """784 bytes, row by row, 0 background, 255 ink, as base64."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """How one digit is read."""

    digit: int
    """0..9."""
    count: int
    """Pictures of it."""
    recall: float | None
    """Share of them read right, 0..1; None without any."""
    precision: float | None
    """Share of the answers with this digit that are right, 0..1; None without any."""
    recall_drop_points: float | None
    """Recall lost against the reference, in percentage points."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Pictures of like confidence: a bar of a reliability diagram."""

    lower: float
    """The confidence it begins above, 0..1."""
    upper: float
    """The confidence it ends with, 0..1."""
    count: int
    """Pictures in it."""
    confidence: float | None
    """Their mean confidence; None without any."""
    accuracy: float | None
    """Share of them read right; None without any."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How well confidence tells right from wrong, at the temperature of the manifest."""

    error: float
    """Expected calibration error, 0..1."""
    negative_log_likelihood: float
    """Mean surprise at the right digit, in nats."""
    bins: tuple[Bin, ...]
    """Confidence against accuracy."""
    true_class_change: float
    """How much more probable than to the reference the right digit is, on average, -1..1."""
    symmetric_divergence: float
    """Mean symmetric KL divergence from the reference's probabilities, in nats."""


@dataclass(frozen=True, kw_only=True)
class CoveragePoint:
    """What abstaining below a confidence leaves."""

    coverage: float
    """Share of the pictures that is answered, 0..1."""
    accuracy: float
    """Share of the answers that is right, 0..1."""
    threshold: float
    """The confidence, 0..1."""


@dataclass(frozen=True, kw_only=True)
class CorruptionResult:
    """Accuracy over pictures with one kind of corruption."""

    kind: str
    """One of ``mnist_edge.data.corruptions.CORRUPTIONS``."""
    severity: int
    """1..5."""
    correct: int
    """Pictures read right."""
    total: int
    """Pictures corrupted: the report's own, spread evenly over them where they are fewer."""
    accuracy: float
    """Share of them, 0..1."""
    drop_points: float
    """Accuracy lost against the reference over the same pictures, in percentage points."""
    drop_interval: Interval
    """Where that drop lies with 95 % confidence, in percentage points."""
    abstained: int
    """Pictures it is less sure of than it must be, or that show no single digit. Older reports
    have neither this nor the next."""
    wrong_answers: int
    """Pictures misread that it does not abstain from: the cost to whoever goes by the answers."""


@dataclass(frozen=True, kw_only=True)
class PicturesToSee:
    """What it would take to see a small drop."""

    drop_points: float
    """The drop, in percentage points."""
    pictures: int | None
    """Pictures it takes to see it four times of five, at the discordance that was measured; None
    for the reference."""
