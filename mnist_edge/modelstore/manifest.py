"""What a model file promises: the JSON beside each ``.tflite``.

``ModelManifest`` is a frozen dataclass that mirrors the JSON field for field, so that the
reader of one has read the other.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mnist_edge.errors import InvalidManifest

SCHEMA_VERSION = 2
"""Version of the fields; version 1 had no ``weights_sha256``."""
LABELS = tuple("0123456789")
_HEXADECIMAL = frozenset("0123456789abcdef")

Kind = TypeVar("Kind")


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One end of a model, as the interpreter reports it."""

    shape: tuple[int, ...]
    """Dimensions, the batch first."""
    dtype: str
    """numpy's name of the type: ``float32``, ``int8`` or ``int16``."""
    scale: float
    """Real value of one step; 0.0 where the tensor holds real values itself."""
    zero_point: int
    """The integer that stands for 0.0."""


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """The pictures that the model was trained on."""

    polarity: str = "white-on-black"
    """Ink is high, background is low."""
    minimum: int = 0
    """Pixel value of the background."""
    maximum: int = 255
    """Pixel value of full ink."""


@dataclass(frozen=True, kw_only=True)
class CalibrationSample:
    """The training digits whose activations set the integer ranges."""

    count: int
    """Number of digits."""
    seed: int
    """Seed of the draw."""
    indices_sha256: str
    """sha256 of the drawn indices into the 60,000, as little-endian int64, ascending."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How many of a set of labelled digits were read right, on the device runtime."""

    correct: int
    """Digits read right."""
    total: int
    """Digits read."""
    runtime: str
    """The runtime that read them, with its version."""

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or not self.total:
            raise ValueError(f"correct {self.correct} of a total of {self.total}")

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy in 0..1."""
        return self.correct / self.total


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A few inputs and what the file answers to them, for a device to try itself on.

    ``mnist_edge.runtimes.golden`` packs and unpacks them.
    """

    inputs: str
    """``(n, 28, 28) uint8`` pixels, deflated (RFC 1950), in base64."""
    outputs: str
    """``(n, 10)`` in the output's own type, little-endian, deflated, in base64."""
    runtime: str
    """The runtime that gave the outputs, with its version."""
    tolerance: float
    """Steps by which the outputs of another runtime may differ, 0 or more. A step is 1 of an 8-bit
    output; of any other, the 255th part of the range of all the outputs."""

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance {self.tolerance} is no number of steps")


@dataclass(frozen=True, kw_only=True)
class ModelManifest:
    """What is known of one ``.tflite`` file."""

    schema_version: int = SCHEMA_VERSION
    """Version of these fields."""
    file: str
    """Name of the model file, in the manifest's folder."""
    sha256: str
    """sha256 of the file, hexadecimal."""
    size: int
    """Size of the file in bytes."""
    scheme: str
    """Name of the quantization scheme, one of ``converters.schemes``."""
    input: TensorSpec
    """Takes pixels, quantized by this scale and zero point."""
    output: TensorSpec
    """Gives ten logits, quantized by this scale and zero point."""
    pixels: Pixels = Pixels()
    """What the input values mean."""
    labels: tuple[str, ...] = LABELS
    """What each output stands for."""
    recipe: str
    """The training recipe, or the name of the Keras file where it was not ours."""
    seed: int | None
    """The training seed, if known."""
    weights_sha256: str | None = None
    """Hash of the Keras weights that the file was converted from, by
    ``mnist_edge.modelstore.origin.weights_sha256``; None, and left out of the JSON, in manifests of
    version 1."""
    reading: str = "pixels"
    """What the network took its input to mean, one of ``mnist_edge.runtimes.input_scaling``: the
    file makes it of raw pixels itself."""
    data_sha256: dict[str, str]
    """sha256 of each MNIST file that training and calibration used."""
    calibration: CalibrationSample | None
    """None for a scheme that needs none."""
    toolchain: dict[str, str]
    """Version of each package that made the file."""
    validation_float: Score
    """The Keras model itself, on the 5,000 validation digits."""
    validation: Score
    """This file, on the 5,000 validation digits."""
    test: Score | None = None
    """This file, on the 10,000 test digits, once ``mnist-edge report`` has measured it."""
    oldest_runtime: str
    """The oldest runtime that loaded and ran the file."""
    temperature: float = 1.0
    """What its logits are divided by before the softmax, above 0: fitted on the 5,000 validation
    digits, for the probabilities to be as sure as they are right."""
    min_confidence: float = 0.0
    """Calibrated probability, 0..1, below which it is better to give no answer; chosen on the
    validation digits."""
    calibration_error: float | None = None
    """Expected calibration error on the validation digits, 0..1, at that temperature; None where
    it was not measured."""
    golden: Golden | None = None
    """What the file answers to a few inputs; None, and left out of the JSON, in manifests from
    before there were any."""

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature {self.temperature} is no number above 0")
        for name in ("min_confidence", "calibration_error"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} {share} is outside 0..1")
        weights = self.weights_sha256
        if weights is not None and not (len(weights) == 64 and {*weights} <= _HEXADECIMAL):
            raise ValueError(f"weights_sha256 {weights!r:.80} is not a sha256")

    def require_tensors(self, *, input: TensorSpec, output: TensorSpec, name: str) -> None:  # noqa: A002  # as the fields
        """Check that a model has the input and output tensors that this manifest describes.

        Args:
            input: the model's input tensor.
            output: its output tensor.
            name: the model's name in messages.

        Raises:
            InvalidManifest: it has others.
        """
        for end, promised, found in (
            ("input", self.input, input),
            ("output", self.output, output),
        ):
            if promised != found:
                raise InvalidManifest(
                    f"the manifest of {name} promises {end} {promised}, the model has {found}; "
                    "convert the model again"
                )

    def to_json(self) -> str:
        """The manifest as indented JSON, ending in a newline."""
        document = dataclasses.asdict(self)
        for name in ("weights_sha256", "golden"):
            if document[name] is None:
                del document[name]
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: Path) -> ModelManifest:
        """Reads a manifest.

        Args:
            text: the JSON.
            source: where it came from, for messages.

        Raises:
            InvalidManifest: not JSON, a field is missing, unknown or of the wrong type, or
                the schema is not the one this release reads.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidManifest(
                f"{source} is not JSON ({error}); convert the model again to write a new one"
            ) from error
        found = document.get("schema_version") if isinstance(document, dict) else None
        if found not in range(1, SCHEMA_VERSION + 1):
            raise InvalidManifest(
                f"{source} has schema version {found!r}, this release reads 1 to {SCHEMA_VERSION}; "
                "use the release that wrote it, or convert the model again"
            )
        try:
            return _manifest(document)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise InvalidManifest(
                f"{source} is not a manifest: {reason}; convert the model again"
            ) from error


def _manifest(document: dict[str, Any]) -> ModelManifest:
    optional = {
        "calibration": _optional(CalibrationSample, document["calibration"]),
        "test": _optional(Score, document["test"]),
        "golden": _optional(Golden, document.get("golden")),
    }
    converted = {
        "input": _tensor(document["input"]),
        "output": _tensor(document["output"]),
        "pixels": _checked(Pixels, document["pixels"]),
        "labels": tuple(document["labels"]),
        "validation_float": _checked(Score, document["validation_float"]),
        "validation": _checked(Score, document["validation"]),
    }
    return _checked(ModelManifest, {**document, **converted, **optional})


def _tensor(document: dict[str, Any]) -> TensorSpec:
    return _checked(TensorSpec, {**document, "shape": tuple(document["shape"])})


def _optional(kind: type[Kind], document: dict[str, Any] | None) -> Kind | None:
    return None if document is None else _checked(kind, document)


_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "str": (str,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "dict[str, str]": (dict,),
}


def _checked(kind: type[Kind], document: dict[str, Any]) -> Kind:
    """Builds a dataclass after holding each plain field against its annotation."""
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every kind given is a dataclass
        expected = _TYPES.get(str(field.type))
        if expected and field.name in document and not isinstance(document[field.name], expected):
            raise TypeError(f"{field.name} is {document[field.name]!r}, expected {field.type}")
    return kind(**document)
