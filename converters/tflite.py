"""A Keras model and a scheme to the bytes of a ``.tflite`` file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from converters.schemes import Scheme
from mnist_edge.errors import ConversionError
from mnist_edge.quiet import captured_descriptors
from mnist_edge.training.backend import import_tensorflow

if TYPE_CHECKING:
    import keras


def to_tflite(model: keras.Model, scheme: Scheme, calibration: NDArray[np.uint8]) -> bytes:
    """Converts a model for one digit at a time.

    Args:
        model: takes raw pixels 0..255.
        scheme: what becomes of its numbers.
        calibration: ``(n, 28, 28) uint8``; used where the scheme is calibrated.

    Raises:
        ConversionError: TensorFlow cannot convert it; the message is TensorFlow's reason.
    """
    tensorflow = import_tensorflow()
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    shape = (1, *model.input_shape[1:])
    forward = tensorflow.function(lambda pixels: model(pixels, training=False))
    concrete = forward.get_concrete_function(tensorflow.TensorSpec(shape, tensorflow.float32))
    # Keras 3 tracks its variables in a way that the converter does not follow: frozen, they
    # are constants, and there is nothing to follow.
    frozen = convert_variables_to_constants_v2(concrete)
    with captured_descriptors(1, 2) as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([frozen])
            scheme.configure(converter)
            if scheme.calibrated:
                converter.representative_dataset = lambda: _representative(calibration, shape)
            content: bytes = converter.convert()
        # The converter raises its own ConverterError, and whatever a pass of it ran into.
        except Exception as error:
            reason = " ".join(f"{error} {said()}".split())[:400]
            raise ConversionError(
                f"TensorFlow cannot convert the model to {scheme.name}: {reason}"
            ) from error
    return content


def _representative(
    images: NDArray[np.uint8], shape: tuple[int, ...]
) -> Iterator[list[NDArray[np.float32]]]:
    for image in images:
        yield [image.reshape(shape).astype(np.float32)]
