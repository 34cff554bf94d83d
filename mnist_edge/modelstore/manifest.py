"""The manifest of a model file: the JSON beside each ``.tflite``.

``ModelManifest`` mirrors the JSON field for field.
"""

from __future__ import annotations

import dataclasses
import json
import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar

from mnist_edge.errors import InvalidManifest
from mnist_edge.system.records import record

SCHEMA_VERSION = 4
"""Version of the fields; version 1 had no ``weights_sha256``, version 2 no ``operating_points``,
version 3 no ``lineage``."""
LABELS = tuple("0123456789")
"""The class of each output: there is no other order."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3
"""Range of the temperature: ten times as wide at both ends as ``convert`` searches."""
_MAX_DIGITS = 10**9
"""Maximum number of digits of a score or a sample."""
_MAX_TOLERANCE = 1e6
"""Maximum tolerance of golden vectors, in steps."""
_DTYPES = ("float32", "int8", "uint8", "int16")
"""Types of an input or output tensor."""
_MAX_RANK = 8
"""Dimensions of a tensor, at most: an input has four."""
_MAX_SCALE = 1e30
"""Maximum real value of one step of a tensor."""
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f]{1,240}\.tflite")
"""Names of model files, without a folder."""
_HEXADECIMAL = frozenset("0123456789abcdef")

Kind = TypeVar("Kind")


@record(frozen=True, kw_only=True)
class TensorSpec:
    """An input or output tensor, as the interpreter reports it."""

    shape: tuple[int, ...]
    """Dimensions, the batch first."""
    dtype: str
    """numpy's name of the type: ``float32``, ``int8`` or ``int16``."""
    scale: float
    """Real value of one step; 0.0 if the tensor holds real values."""
    zero_point: int
    """The integer that stands for 0.0."""


@record(frozen=True, kw_only=True)
class Pixels:
    """The pixels that the model takes."""

    polarity: str = "white-on-black"
    """Ink is high, background is low."""
    minimum: int = 0
    """Pixel value of the background."""
    maximum: int = 255
    """Pixel value of full ink."""


@record(frozen=True, kw_only=True)
class CalibrationSample:
    """The training digits whose activations set the integer ranges."""

    count: int
    """Number of digits."""
    seed: int
    """Seed of the draw."""
    indices_sha256: str
    """The sha256 of the drawn indices into the 60,000, as little-endian int64, ascending."""

    def __post_init__(self) -> None:
        if not 0 < self.count <= _MAX_DIGITS:
            raise ValueError(f"count {reprlib.repr(self.count)} is not a number of digits")


@record(frozen=True, kw_only=True)
class Score:
    """Accuracy on a set of labelled digits, on a device runtime."""

    correct: int
    """Number of digits read correctly."""
    total: int
    """Number of digits."""
    runtime: str
    """The runtime that read them, with its version."""

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or not 0 < self.total <= _MAX_DIGITS:
            correct, total = map(reprlib.repr, (self.correct, self.total))
            raise ValueError(f"correct {correct} of a total of {total}")

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy in 0..1."""
        return self.correct / self.total


@record(frozen=True, kw_only=True)
class Golden:
    """A few inputs and the file's outputs for them, which a device tests itself on.

    ``mnist_edge.runtimes.golden`` encodes and decodes them.
    """

    inputs: str
    """``(n, 28, 28) uint8`` pixels, zlib-compressed (RFC 1950), in base64."""
    outputs: str
    """``(n, 10)`` in the output's own type, little-endian, zlib-compressed, in base64."""
    runtime: str
    """The runtime that computed the outputs, with its version."""
    tolerance: float
    """Steps by which the outputs of another runtime may differ, 0 or more. A step is 1 for an 8-bit
    output; for any other, 1/255 of the range of all the outputs."""

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance <= _MAX_TOLERANCE:
            raise ValueError(f"tolerance {reprlib.repr(self.tolerance)} is not a number of steps")


@record(frozen=True, kw_only=True)
class OperatingPoints:
    """Named choices of ``min_confidence``, 0..1 each."""

    balanced: float
    """Abstains from hardly more digits than it would misread."""
    careful: float
    """Abstains more often, so that fewer of the answers to hard pictures are wrong."""

    def __post_init__(self) -> None:
        if not 0 <= self.balanced <= self.careful <= 1:
            points = reprlib.repr((self.balanced, self.careful))
            raise ValueError(f"balanced and careful {points} are not 0..1 in this order")


@record(frozen=True, kw_only=True)
class Lineage:
    """Where a fine-tuned model comes from."""

    parent: str
    """Recipe, or name, of the model that it was fine-tuned from."""
    parent_weights_sha256: str
    """Hash of the weights of that model, as ``weights_sha256``."""
    pictures: int
    """Number of the user's pictures that it was fine-tuned with."""
    first_taken: str
    """Date of the earliest of them, as ISO 8601 has it, in UTC."""
    last_taken: str
    """Date of the latest of them."""

    def __post_init__(self) -> None:
        if not 0 < self.pictures <= _MAX_DIGITS:
            raise ValueError(f"pictures {reprlib.repr(self.pictures)} is not a number of pictures")
        if not _is_sha256(self.parent_weights_sha256):
            raise ValueError(
                f"parent_weights_sha256 {self.parent_weights_sha256!r:.80} is not a sha256"
            )

    def __str__(self) -> str:
        return (
            f"from {self.parent!r} (weights {self.parent_weights_sha256[:12]}), taught "
            f"{self.pictures:,} pictures of {self.first_taken} to {self.last_taken}"
        )


@record(frozen=True, kw_only=True)
class ModelManifest:
    """The description of one ``.tflite`` file."""

    schema_version: int = SCHEMA_VERSION
    """Version of these fields."""
    file: str
    """Name of the model file, in the manifest's folder."""
    sha256: str
    """The sha256 of the file, hexadecimal."""
    size: int
    """Size of the file in bytes."""
    scheme: str
    """Name of the quantization scheme, one of ``converters.schemes``."""
    input: TensorSpec
    """The input tensor, which takes pixels, quantized by its scale and zero point."""
    output: TensorSpec
    """The output tensor: ten logits, quantized by its scale and zero point."""
    pixels: Pixels = Pixels()
    """Polarity and range of the pixels."""
    labels: tuple[str, ...] = LABELS
    """The class of each output."""
    recipe: str
    """The training recipe, or the name of the Keras file if the model is not from this project."""
    seed: int | None
    """The training seed, if known."""
    weights_sha256: str | None = None
    """Hash of the Keras weights that the file was converted from, by
    ``mnist_edge.modelstore.origin.weights_sha256``; None, and left out of the JSON, in manifests of
    version 1."""
    lineage: Lineage | None = None
    """Where a fine-tuned model comes from; None, and left out of the JSON, for any other."""
    reading: str = "pixels"
    """The input scaling that the network was trained with, one of
    ``mnist_edge.runtimes.input_scaling``: the file itself applies it to raw pixels."""
    data_sha256: dict[str, str]
    """The sha256 of each MNIST file that training and calibration used."""
    calibration: CalibrationSample | None
    """None for a scheme that is not calibrated."""
    toolchain: dict[str, str]
    """Version of each package that the file was made with."""
    validation_float: Score
    """Accuracy of the Keras model on the 5,000 validation digits."""
    validation: Score
    """Accuracy of this file on the 5,000 validation digits."""
    test: Score | None = None
    """Accuracy of this file on the 10,000 test digits; None until ``mnist-edge report`` has
    measured it."""
    oldest_runtime: str
    """The oldest runtime that loaded and ran the file."""
    temperature: float = 1.0
    """Divisor of the logits before the softmax, above 0, fitted on the 5,000 validation digits so
    that the probabilities are calibrated."""
    min_confidence: float = 0.0
    """Calibrated probability, 0..1, below which it is better to abstain; chosen on the validation
    digits."""
    operating_points: OperatingPoints | None = None
    """Minimum confidences to choose by name; None, and left out of the JSON, before version 3 and
    until ``benchmarks/accuracy/operating_points.py`` has measured them on hard pictures; a
    fine-tuned model inherits ``careful``."""
    calibration_error: float | None = None
    """Expected calibration error on the validation digits, 0..1, at that temperature; None if it
    was not measured."""
    golden: Golden | None = None
    """Golden vectors; None, and left out of the JSON, in manifests from before there were any."""

    def __post_init__(self) -> None:
        if not MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE:
            raise ValueError(
                f"temperature {reprlib.repr(self.temperature)} is outside "
                f"{MIN_TEMPERATURE:g}..{MAX_TEMPERATURE:g}"
            )
        for name in ("min_confidence", "calibration_error"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} {reprlib.repr(share)} is outside 0..1")
        for name in ("sha256", "weights_sha256"):
            found = getattr(self, name)
            if found is not None and not _is_sha256(found):
                raise ValueError(f"{name} {found!r:.80} is not a sha256")
        if not _FILE_NAME.fullmatch(self.file):
            raise ValueError(f"file {self.file!r:.80} is not the name of a .tflite")
        if self.size <= 0:
            raise ValueError(f"size {reprlib.repr(self.size)} is not a number of bytes above 0")
        if self.labels != LABELS:
            raise ValueError(f"labels {reprlib.repr(self.labels)} are not 0 to 9 in order")
        if self.pixels != Pixels():
            raise ValueError("pixels are not white-on-black, 0 to 255")

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
        """Return the manifest as indented JSON that ends in a newline."""
        document = dataclasses.asdict(self)
        for name in ("weights_sha256", "operating_points", "golden", "lineage"):
            if document[name] is None:
                del document[name]
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: Path) -> ModelManifest:
        """Parse a manifest.

        Args:
            text: the JSON.
            source: its file, for messages.

        Raises:
            InvalidManifest: it is not JSON, has another schema version than this release reads, or
                a field is missing, unknown or of the wrong type.
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
                f"{source} has schema version {reprlib.repr(found)}, this release reads 1 to "
                f"{SCHEMA_VERSION}; use the release that wrote it, or convert the model again"
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
        "operating_points": _optional(OperatingPoints, document.get("operating_points")),
        "lineage": _optional(Lineage, document.get("lineage")),
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


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and {*text} <= _HEXADECIMAL


def _tensor(document: dict[str, Any]) -> TensorSpec:
    spec = _checked(TensorSpec, {**document, "shape": tuple(document["shape"])})
    sizes_are_numbers = all(_is_instance(size, (int,)) for size in spec.shape)
    if not sizes_are_numbers or len(spec.shape) > _MAX_RANK:
        raise TypeError(f"shape is {reprlib.repr(spec.shape)}, expected a few whole numbers")
    if spec.dtype not in _DTYPES:
        raise ValueError(f"dtype {reprlib.repr(spec.dtype)} is none of {', '.join(_DTYPES)}")
    if not 0 <= spec.scale <= _MAX_SCALE:
        raise ValueError(f"scale {reprlib.repr(spec.scale)} is not a number of 0 or more")
    return spec


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
    """Build a dataclass after checking each plain field against its annotation."""
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every kind given is a dataclass
        expected = _TYPES.get(str(field.type))
        if not expected or field.name not in document:
            continue
        value = document[field.name]
        fits = _is_instance(value, expected)
        if isinstance(value, dict):
            fits &= all(isinstance(item, str) for item in value.values())
        if not fits:
            raise TypeError(f"{field.name} is {reprlib.repr(value)}, expected {field.type}")
    return kind(**document)


def _is_instance(value: Any, expected: tuple[type, ...]) -> bool:
    """Return whether a JSON value is of a type; true and false are not numbers, as in Python."""
    return isinstance(value, expected) and not isinstance(value, bool)
