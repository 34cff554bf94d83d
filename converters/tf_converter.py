"""A network and a scheme to the bytes of a ``.tflite`` file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.frozen_graph import Network, trace_raw_pixels
from converters.schemes import PER_TENSOR, RGB, Scheme
from mnist_edge.errors import ConversionError
from mnist_edge.runtimes.input_scaling import InputScaling
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.training.frameworks import import_tensorflow


def to_tflite(
    network: Network, scaling: InputScaling, scheme: Scheme, calibration: NDArray[np.uint8]
) -> bytes:
    """Converts a network for one digit at a time.

    Args:
        network: up to its logits.
        scaling: what it takes its input to mean; the file takes raw pixels 0..255.
        scheme: what becomes of its numbers.
        calibration: ``(n, 28, 28) uint8``; used where the scheme is calibrated.

    Raises:
        ConversionError: TensorFlow cannot convert it; the message is TensorFlow's reason.
    """
    with capture_descriptors(1, 2) as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made, _ = configured_converter(network, scaling, scheme, calibration)
            content: bytes = made.convert()
        # The converter raises its own ConverterError, and whatever a pass of it ran into.
        except Exception as error:
            reason = _reason(f"{error}\n{said()}")
            raise ConversionError(
                f"TensorFlow cannot convert the model to {scheme.name}: {reason}"
            ) from error
    return content


def configured_converter(
    network: Network, scaling: InputScaling, scheme: Scheme, calibration: NDArray[np.uint8]
) -> tuple[Any, tuple[int, ...]]:
    """A ``tf.lite.TFLiteConverter`` that is set up, and the shape of its input.

    Arguments as ``to_tflite``.
    """
    tensorflow = import_tensorflow()
    forward = trace_raw_pixels(network, scaling, channels=3 if scheme.color == RGB else None)
    shape = tuple(forward.inputs[0].shape)
    made = tensorflow.lite.TFLiteConverter.from_concrete_functions([forward])
    scheme.configure(made)
    if scheme.weights == PER_TENSOR:
        made._experimental_disable_per_channel = True  # noqa: SLF001  # there is no public switch
    if scheme.calibrated:
        io_dtype = tensorflow.as_dtype(scheme.io_dtype)
        made.inference_input_type = made.inference_output_type = io_dtype
        made.representative_dataset = lambda: representative_dataset(calibration, shape)
    return made, shape


def _reason(said: str) -> str:
    """TensorFlow's reason on one line: the layer that TFLite has no operator for, if that is it."""
    missing = _NO_OPERATOR.search(said)
    if missing:
        return f"TFLite has no operator for {missing[2]}, at {missing[1]}; build it of others"
    lines = [line for line in said.splitlines() if not line.startswith("WARNING")]
    return " ".join(" ".join(lines).split())[:400]


_NO_OPERATOR = re.compile(r'"([^"]*)"\]\): \'tf\.(\w+)\' op is neither a custom op nor a flex op')


def representative_dataset(
    images: NDArray[np.uint8], shape: tuple[int, ...]
) -> Iterator[list[NDArray[np.float32]]]:
    """Digits one at a time, as the converter wants them.

    Args:
        images: ``(n, 28, 28)``.
        shape: of the converted model's input.
    """
    for image in images:
        # A color picture of a grey digit has it three times.
        channels = np.repeat(image[..., None], 3, axis=-1) if shape[-1] == 3 else image
        yield [channels.reshape(shape).astype(np.float32)]
