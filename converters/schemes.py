"""The ways to quantize, one named function each giving a frozen ``Scheme``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_edge.errors import UnknownName
from mnist_edge.training.backend import import_tensorflow


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """What becomes of weights and activations."""

    name: str
    """What ``--quantize`` calls it, and the stem of its files."""
    summary: str
    """What it does, in a few words."""
    io_dtype: str
    """Type of the input and output tensors, as numpy names it."""
    calibrated: bool
    """Whether activation ranges are measured on calibration digits."""
    configure: Callable[[Any], None]
    """Sets a ``tf.lite.TFLiteConverter`` up."""


def float32() -> Scheme:
    """Nothing is quantized: the reference that the others are compared with."""
    return Scheme(
        name="float32",
        summary="float weights, float arithmetic",
        io_dtype="float32",
        calibrated=False,
        configure=lambda converter: None,
    )


def float16() -> Scheme:
    """Weights are stored in half precision and widened when the model is loaded."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tensorflow.float16]

    return Scheme(
        name="float16",
        summary="half-precision weights, float arithmetic",
        io_dtype="float32",
        calibrated=False,
        configure=configure,
    )


def dynamic() -> Scheme:
    """Weights are int8; each activation's range is measured while it runs."""

    def configure(converter: Any) -> None:
        converter.optimizations = [import_tensorflow().lite.Optimize.DEFAULT]
        # Per-channel dense weights make FULLY_CONNECTED version 12, which tflite-runtime
        # 2.14.0 does not know.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001  # there is no public switch

    return Scheme(
        name="dynamic",
        summary="int8 weights, activations quantized as it runs",
        io_dtype="float32",
        calibrated=False,
        configure=configure,
    )


def int8() -> Scheme:
    """int8 in, int8 inside, int8 out: what an edge device runs."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tensorflow.int8
        converter.inference_output_type = tensorflow.int8

    return Scheme(
        name="int8",
        summary="int8 in, inside and out",
        io_dtype="int8",
        calibrated=True,
        configure=configure,
    )


def int16x8() -> Scheme:
    """int8 weights under int16 activations: finer steps where int8 is too coarse."""

    def configure(converter: Any) -> None:
        tensorflow = import_tensorflow()
        ops = tensorflow.lite.OpsSet
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [
            ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.inference_input_type = tensorflow.int16
        converter.inference_output_type = tensorflow.int16

    return Scheme(
        name="int16x8",
        summary="int8 weights, int16 activations",
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
"""Every scheme by its name, the reference first."""


def find_schemes(names: list[str]) -> list[Scheme]:
    """The schemes of some names, in the order of ``SCHEMES``; ``all`` names every one.

    Raises:
        UnknownName: there is no such scheme.
    """
    for name in names:
        if name not in SCHEMES and name != "all":
            raise UnknownName("scheme", name, [*SCHEMES, "all"])
    return [make() for name, make in SCHEMES.items() if name in names or "all" in names]
