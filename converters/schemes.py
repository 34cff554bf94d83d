"""Quantization schemes, one function per scheme, each returning a frozen ``Scheme``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.training.frameworks import import_tensorflow

PER_CHANNEL, PER_TENSOR = "per-channel", "per-tensor"
GRAY, RGB = "grey", "rgb"


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How weights and activations are stored and computed; validated when it is created."""

    base: str
    """Its name for ``--quantize``."""
    summary: str
    """What it does, in a few words."""
    io_dtypes: tuple[str, ...]
    """Types that its input and output can have, by numpy's names, the default first."""
    io_dtype: str
    """The type of its input and output."""
    weights: str = PER_CHANNEL
    """``per-channel``, a scale for each output channel of a layer, or ``per-tensor``."""
    color: str = GRAY
    """``grey``, one value per pixel, or ``rgb``, which the graph converts to gray."""
    calibrated: bool
    """Whether activation ranges are measured on calibration digits."""
    configure: Callable[[Any], None]
    """Configures a ``tf.lite.TFLiteConverter``."""

    def __post_init__(self) -> None:
        for found, allowed, what in (
            (self.io_dtype, self.io_dtypes, "input and output type"),
            (self.weights, (PER_CHANNEL, PER_TENSOR), "granularity of weights"),
            (self.color, (GRAY, RGB), "input"),
        ):
            if found not in allowed:
                raise InvalidValue(
                    f"{self.base} has no {what} {found!r}: choose one of {', '.join(allowed)}"
                )

    @property
    def name(self) -> str:
        """The stem of its files: the base, and every setting that is not the default."""
        parts = [
            self.base,
            *([self.weights] if self.weights != PER_CHANNEL else []),
            *([self.color] if self.color != GRAY else []),
            *([self.io_dtype] if self.io_dtype != self.io_dtypes[0] else []),
        ]
        return "-".join(parts)

    @property
    def integer(self) -> bool:
        """Whether everything between input and output is integers."""
        return self.calibrated


def float32() -> Scheme:
    """Quantize nothing: the reference for the other schemes."""
    return Scheme(
        base="float32",
        summary="float weights, float arithmetic",
        io_dtypes=("float32",),
        io_dtype="float32",
        calibrated=False,
        configure=lambda converter: None,
    )


def float16() -> Scheme:
    """Store weights in half precision; the runtime widens them when it loads the model."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tensorflow.float16]

    return Scheme(
        base="float16",
        summary="half-precision weights, float arithmetic",
        io_dtypes=("float32",),
        io_dtype="float32",
        calibrated=False,
        configure=configure,
    )


def dynamic() -> Scheme:
    """Quantize weights to int8, and activations at run time."""

    def configure(converter: Any) -> None:
        converter.optimizations = [import_tensorflow().lite.Optimize.DEFAULT]
        # Per-channel dense weights would make FULLY_CONNECTED version 12, which tflite-runtime
        # 2.14.0 does not know.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001  # no public option

    return Scheme(
        base="dynamic",
        summary="int8 weights, activations quantized as it runs",
        io_dtypes=("float32",),
        io_dtype="float32",
        calibrated=False,
        configure=configure,
    )


def int8() -> Scheme:
    """Quantize everything to int8, input and output included, for edge devices."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]

    return Scheme(
        base="int8",
        summary="int8 in, inside and out",
        io_dtypes=("int8", "uint8", "float32"),
        io_dtype="int8",
        calibrated=True,
        configure=configure,
    )


def int16x8() -> Scheme:
    """Quantize weights to int8 and activations to int16, where int8 is too coarse."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        ops = tensorflow.lite.OpsSet
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [
            ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]

    return Scheme(
        base="int16x8",
        summary="int8 weights, int16 activations",
        io_dtypes=("int16", "float32"),
        io_dtype="int16",
        calibrated=True,
        configure=configure,
    )


SCHEMES: dict[str, Callable[[], Scheme]] = {
    "float32": float32,
    "float16": float16,
    "dynamic": dynamic,
    "int8": int8,
    "int16x8": int16x8,
}
"""Every scheme by name, the reference first."""


def find_schemes(
    names: list[str],
    *,
    io_dtype: str | None = None,
    weights: str = PER_CHANNEL,
    color: str = GRAY,
) -> list[Scheme]:
    """Return the schemes of the given names, in the order of ``SCHEMES``.

    Args:
        names: names of schemes; ``all`` for every one.
        io_dtype: type of input and output (default: each scheme's own; uint8 for int8 with color
            input, since the image tasks that take color do not take int8).
        weights: ``per-channel`` or ``per-tensor``.
        color: ``grey`` or ``rgb``.

    Raises:
        UnknownName: there is no such scheme.
        InvalidValue: a scheme does not support a setting.
    """
    for name in names:
        if name not in SCHEMES and name != "all":
            raise UnknownName("scheme", name, [*SCHEMES, "all"])
    chosen = [build() for name, build in SCHEMES.items() if name in names or "all" in names]
    return [
        replace(
            scheme,
            io_dtype=io_dtype
            or ("uint8" if color == RGB and scheme.base == "int8" else scheme.io_dtype),
            weights=weights,
            color=color,
        )
        for scheme in chosen
    ]
