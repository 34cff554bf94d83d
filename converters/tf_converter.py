"""Convert a network by a scheme to the bytes of a ``.tflite`` file, with TensorFlow."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.frozen_graph import Network
from converters.raw_pixels import trace_raw_pixels
from converters.schemes import PER_TENSOR, RGB, Scheme
from mnist_edge.errors import ConversionError
from mnist_edge.runtimes.input_scaling import InputScaling
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.text import one_line
from mnist_edge.training.frameworks import import_tensorflow


def to_tflite(
    network: Network, scaling: InputScaling, scheme: Scheme, calibration: NDArray[np.uint8]
) -> bytes:
    """Convert a network for one digit at a time.

    Args:
        network: up to its logits.
        scaling: its input scaling; the file takes raw pixels 0..255.
        scheme: how to quantize it.
        calibration: ``(n, 28, 28) uint8``, used by calibrated schemes.

    Raises:
        ConversionError: TensorFlow cannot convert it; the message has TensorFlow's reason.
    """
    with capture_descriptors(1, 2) as output, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            converter, _ = configured_converter(network, scaling, scheme, calibration)
            content: bytes = converter.convert()
        # The converter raises its own ConverterError, and whatever one of its passes raises.
        except Exception as error:
            reason = _reason(f"{error}\n{output()}", scheme)
            raise ConversionError(
                f"TensorFlow cannot convert the model to {scheme.name}: {reason}"
            ) from error
    return content


def configured_converter(
    network: Network, scaling: InputScaling, scheme: Scheme, calibration: NDArray[np.uint8]
) -> tuple[Any, tuple[int, ...]]:
    """Return a configured ``tf.lite.TFLiteConverter`` and the shape of its input.

    The arguments are those of ``to_tflite``.
    """
    tensorflow = import_tensorflow()
    forward = trace_raw_pixels(network, scaling, channels=3 if scheme.color == RGB else None)
    shape = tuple(forward.inputs[0].shape)
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([forward])
    scheme.configure(converter)
    if scheme.weights == PER_TENSOR:
        converter._experimental_disable_per_channel = True  # noqa: SLF001  # no public option
    if scheme.calibrated:
        io_dtype = tensorflow.as_dtype(scheme.io_dtype)
        converter.inference_input_type = converter.inference_output_type = io_dtype
        converter.representative_dataset = lambda: representative_dataset(calibration, shape)
    return converter, shape


def _reason(output: str, scheme: Scheme) -> str:
    """Extract TensorFlow's reason as one line, with the layer that TFLite has no operator for."""
    missing = _NO_OPERATOR.search(output)
    if missing:
        return f"TFLite has no operator for {missing[2]}, at {missing[1]}; build it from others"
    unquantized = dict.fromkeys(_NO_INTEGERS.findall(output))
    if unquantized:
        return (
            f"TensorFlow has no {scheme.base} version of {', '.join(unquantized)}; --quantize "
            "dynamic or float16 keeps such layers in floats"
        )
    lines = [line for line in output.splitlines() if not line.startswith("WARNING")]
    return one_line(" ".join(lines))[:400]


_NO_INTEGERS = re.compile(r"Quantization to 16x8-bit not yet supported for op: '(\w+)'")
_NO_OPERATOR = re.compile(r'"([^"]*)"\]\): \'tf\.(\w+)\' op is neither a custom op nor a flex op')


def representative_dataset(
    images: NDArray[np.uint8], shape: tuple[int, ...]
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield digits one at a time as inputs of the model.

    Args:
        images: ``(n, 28, 28)``.
        shape: shape of the model's input.
    """
    for image in images:
        # A color picture of a gray digit repeats its channel.
        channels = np.repeat(image[..., None], 3, axis=-1) if shape[-1] == 3 else image
        yield [channels.reshape(shape).astype(np.float32)]
