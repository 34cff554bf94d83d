"""Running a TFLite model on pixels: the only module that imports a TFLite runtime.

tflite-runtime is taken where it is installed, else ai-edge-litert: the same interpreter under
its newer name. TensorFlow's own is never used; it requantizes differently from the runtimes
that ship, by up to 9 of 256 steps.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel, MissingDependency, UnsuitableModel
from mnist_edge.manifest import TensorSpec
from mnist_edge.quiet import captured_descriptors

PIXELS = (28, 28)
"""Height and width of a digit."""
CLASSES = 10
"""Logits that a model gives, one a digit."""

_RUNTIMES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter",
}


@cache
def runtime() -> str:
    """The TFLite runtime in use with its version, for example ``tflite-runtime 2.14.0``.

    Raises:
        MissingDependency: none is installed.
    """
    for package in _RUNTIMES:
        try:
            return f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            continue
    raise MissingDependency(
        "no TFLite runtime is installed: pip install tflite-runtime (Linux, Python up to 3.11) "
        "or pip install ai-edge-litert"
    )


class Interpreter:
    """One model, ready to run.

    Args:
        content: the bytes of a ``.tflite`` file.
        threads: threads the kernels may use. One digit is too small to share out.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: input or output is not that of a digit model.
        MissingDependency: no TFLite runtime is installed.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        try:
            native = import_module(_RUNTIMES[runtime().split()[0]])
        except ImportError as error:
            raise MissingDependency(
                f"{runtime()} does not import ({error}): pip install --force-reinstall mnist-edge"
            ) from error
        with captured_descriptors(2) as said:
            try:
                self._native: Any = native.Interpreter(model_content=content, num_threads=threads)
                self._native.allocate_tensors()
            except (ValueError, RuntimeError, MemoryError) as error:
                reason = " ".join(f"{error} {said()}".split())
                raise InvalidModel(
                    f"{runtime()} cannot load the model ({reason}); copy the file again, or "
                    "convert it again with: mnist-edge convert"
                ) from error
        inputs, outputs = self._native.get_input_details(), self._native.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UnsuitableModel(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; expected 1 and 1"
            )
        self.input = _tensor_spec(inputs[0])
        """Shape, type, scale and zero point of the pixels."""
        self.output = _tensor_spec(outputs[0])
        """Shape, type, scale and zero point of the logits."""
        _require_digit_model(self.input, self.output)
        self._input_index: int = inputs[0]["index"]
        self._output_index: int = outputs[0]["index"]
        self._quantized = quantization_table(self.input)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The ten logits of each digit.

        Args:
            pixels: ``(n, 28, 28) uint8``, 0 background, 255 ink.

        Returns:
            ``(n, 10) float32``, in real units.
        """
        logits = np.empty((len(pixels), CLASSES), np.float32)
        for row, digit in zip(logits, pixels, strict=True):
            row[:] = dequantize(self.raw_output(digit), self.output)
        return logits

    def raw_output(self, digit: NDArray[np.uint8]) -> NDArray[Any]:
        """The ten outputs of one ``(28, 28) uint8`` digit, in the output tensor's own type."""
        self._native.set_tensor(self._input_index, self._quantized[digit].reshape(self.input.shape))
        self._native.invoke()
        output: NDArray[Any] = self._native.get_tensor(self._output_index).reshape(CLASSES)
        return output


def quantization_table(spec: TensorSpec) -> NDArray[Any]:
    """What each pixel value 0..255 becomes in the input tensor's own type: ``(256,)``.

    ``round(pixel / scale) + zero_point``, halves away from zero as the runtime's own QUANTIZE
    operator rounds (tensorflow/lite/kernels/internal/reference/quantize.h), clipped to the type.
    """
    pixel = np.arange(256, dtype=np.float64)
    dtype = np.dtype(spec.dtype)
    if not spec.scale:
        return pixel.astype(dtype)
    steps = np.floor(pixel / spec.scale + 0.5) + spec.zero_point
    limits = np.iinfo(dtype)
    table: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return table


def dequantize(values: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    """Real values of a tensor: ``(value - zero_point) * scale``."""
    if not spec.scale:
        return values.astype(np.float32)
    # int8 - int8 wraps around: 127 - (-128) is 255, which int8 calls -1.
    return ((values.astype(np.int32) - spec.zero_point) * spec.scale).astype(np.float32)


def _tensor_spec(details: dict[str, Any]) -> TensorSpec:
    scale, zero_point = details["quantization"]
    return TensorSpec(
        shape=tuple(int(size) for size in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale),
        zero_point=int(zero_point),
    )


def _require_digit_model(taken: TensorSpec, given: TensorSpec) -> None:
    wanted = PIXELS[0] * PIXELS[1]
    if int(np.prod(taken.shape)) != wanted:
        raise UnsuitableModel(
            f"the model takes a tensor of shape {taken.shape}; expected one digit of "
            f"{PIXELS[0]}x{PIXELS[1]} pixels, for example (1, 28, 28)"
        )
    if int(np.prod(given.shape)) != CLASSES:
        raise UnsuitableModel(
            f"the model gives a tensor of shape {given.shape}; expected (1, {CLASSES}) logits"
        )
    for end, spec in (("input", taken), ("output", given)):
        integer = np.issubdtype(np.dtype(spec.dtype), np.integer)
        if spec.dtype not in ("float32", "int8", "uint8", "int16") or integer != bool(spec.scale):
            raise UnsuitableModel(
                f"the model's {end} is {spec.dtype} with scale {spec.scale}; expected float32, "
                "or int8, uint8 or int16 with a scale"
            )
