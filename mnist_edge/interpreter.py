"""Running a TFLite model on pixels: the only module that imports a TFLite runtime.

tflite-runtime is taken where it is installed, else ai-edge-litert: the same interpreter under
its newer name. TensorFlow's own is never used; it requantizes differently from the runtimes
that ship, by up to 9 of 256 steps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module, metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel, MissingDependency, UnsuitableModel
from mnist_edge.manifest import TensorSpec
from mnist_edge.quiet import captured_descriptors
from mnist_edge.readings import RAW, Reading

PIXELS = (28, 28)
"""Height and width of a digit."""
CLASSES = 10
"""Logits that a model gives, one a digit."""

_ROOM = 0.05
"""Share of a reading's range that may lie beyond what a quantized input holds."""

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
        reading: what the model takes its input to mean, where it is not one of ours.
        threads: threads the kernels may use. One digit is too small to share out.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: input or output is not that of a digit model.
        MissingDependency: no TFLite runtime is installed.
    """

    def __init__(self, content: bytes, *, reading: Reading = RAW, threads: int = 1) -> None:
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
                raise _refused(reason) from error
        inputs, outputs = self._native.get_input_details(), self._native.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UnsuitableModel(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; expected 1 and 1"
            )
        self.input = _tensor_spec(inputs[0])
        """Shape, type, scale and zero point of the pixels."""
        self.output = _tensor_spec(outputs[0])
        """Shape, type, scale and zero point of the logits."""
        self._batch, self._channels = _layout(self.input, self.output)
        self._input_index: int = inputs[0]["index"]
        self._output_index: int = outputs[0]["index"]
        self._last_operator = _last_operator(self._native, self._output_index)
        self._reading = reading
        # A reading of single pixels is looked up.
        grey_levels = np.arange(256, dtype=np.uint8)
        self._table = (
            None if reading.unit_axes else quantize(reading.apply(grey_levels), self.input)
        )

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The ten logits of each digit.

        Args:
            pixels: ``(n, 28, 28) uint8``, 0 background, 255 ink.

        Returns:
            ``(n, 10) float32``, in real units. Of a model that ends in a softmax, the logarithms
            of its probabilities, which are logits of the same.
        """
        return self._each_batch(pixels, self._quantized)

    def run(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The ten logits of digits that have been read, whatever the model's own reading.

        Args:
            values: ``(n, 28, 28)``, what the model is to be given.

        Returns:
            ``(n, 10) float32``, as ``logits``.
        """
        return self._each_batch(values, lambda batch: quantize(batch, self.input))

    def holds(self, reading: Reading) -> bool:
        """Whether the input's own type has room for what a reading gives.

        A quantized input was ranged by what the model was trained on.
        """
        ends = np.array([0, 255], np.uint8)
        values = np.array([0.0, 1.0]) if reading.unit_axes else reading.apply(ends)
        held = dequantize(quantize(values, self.input), self.input)
        return bool(np.abs(held - values).max() <= _ROOM * np.ptp(values))

    def raw_output(self, digit: NDArray[np.uint8]) -> NDArray[Any]:
        """The ten outputs of one ``(28, 28) uint8`` digit, in the output tensor's own type."""
        output: NDArray[Any] = self._invoke(self._quantized(digit[np.newaxis]))[0]
        return output

    def _quantized(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        if self._table is not None:
            values: NDArray[Any] = self._table[pixels]
            return values
        return quantize(self._reading.apply(pixels), self.input)

    def _each_batch(
        self, digits: NDArray[Any], quantized: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> NDArray[np.float32]:
        logits = np.empty((len(digits), CLASSES), np.float32)
        for start in range(0, len(digits), self._batch):
            batch = digits[start : start + self._batch]
            answers = dequantize(self._invoke(quantized(batch)), self.output)
            logits[start : start + self._batch] = self._logits_of(answers)
        return logits

    def _invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """The outputs of at most a batch of digits, ``(n, 10)``."""
        count = len(values)
        if self._channels > 1:
            values = np.repeat(values[..., np.newaxis], self._channels, axis=-1)
        if count < self._batch:
            # A batch that the model fixes is filled with copies.
            values = np.resize(values, (self._batch, *values.shape[1:]))
        self._native.set_tensor(self._input_index, values.reshape(self.input.shape))
        self._native.invoke()
        outputs: NDArray[Any] = self._native.get_tensor(self._output_index)
        return outputs.reshape(self._batch, CLASSES)[:count]

    def _logits_of(self, answers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of what a model ends in; a probability that is rounded to none is half a step."""
        least = self.output.scale / 2 or float(np.finfo(np.float32).tiny)
        if self._last_operator == "SOFTMAX":
            answers = np.log(np.maximum(answers, least))
        elif self._last_operator == "LOGISTIC":
            answers = np.log(np.maximum(answers, least)) - np.log(np.maximum(1 - answers, least))
        return answers


def _refused(reason: str) -> InvalidModel:
    """The error for a model that the runtime does not load."""
    if "edgetpu" in reason:
        return InvalidModel(
            "the model is compiled for the Edge TPU, which alone can run it; take the .tflite that "
            "it was compiled from"
        )
    custom = re.search(r"[Uu]nresolved custom op: ?(\S+?)\.?(?:\s|$)", reason)
    flex = re.search(r"\(Flex(\w+)\)", reason)
    if custom or flex or "Select TensorFlow op" in reason:
        name = custom[1] if custom else f"TensorFlow's own {flex[1] if flex else 'operators'}"
        return InvalidModel(
            f"the model needs {name}, which no TFLite runtime brings; build the layer of others "
            "and convert again"
        )
    return InvalidModel(
        f"{runtime()} cannot load the model ({reason}); copy the file again, or convert it again "
        "with: mnist-edge convert"
    )


def _last_operator(native: Any, output: int) -> str:
    """The operator that makes the output, under changes of type and shape."""
    # The runtimes have no public way to their operators.
    makers = {
        int(tensor): operator
        for operator in native._get_ops_details()  # noqa: SLF001
        for tensor in operator["outputs"]
        # A delegate stands beside the operators it replaces, with the outputs of the last.
        if operator["op_name"] != "DELEGATE"
    }
    while output in makers and makers[output]["op_name"] in {"QUANTIZE", "DEQUANTIZE", "RESHAPE"}:
        output = int(makers[output]["inputs"][0])
    return str(makers[output]["op_name"]) if output in makers else ""


def quantize(values: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Real values in a tensor's own type.

    ``round(value / scale) + zero_point``, halves away from zero as the runtime's own QUANTIZE
    operator rounds (tensorflow/lite/kernels/internal/reference/quantize.h), clipped to the type.
    """
    dtype = np.dtype(spec.dtype)
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    scaled = values.astype(np.float64) / (spec.scale or 1.0)
    steps = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + spec.zero_point
    limits = np.iinfo(dtype)
    integers: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return integers


def quantization_table(spec: TensorSpec) -> NDArray[Any]:
    """What each pixel value 0..255 becomes in the input tensor's own type: ``(256,)``."""
    return quantize(np.arange(256), spec)


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


def _layout(taken: TensorSpec, given: TensorSpec) -> tuple[int, int]:
    """How many digits a model takes at once, and of how many channels.

    Raises:
        UnsuitableModel: it takes no digits, or gives no ten outputs for each.
    """
    channels = 3 if taken.shape[-1:] == (3,) else 1
    batch, rest = divmod(math.prod(taken.shape), channels * math.prod(PIXELS))
    if rest or not batch or (batch > 1 and taken.shape[0] != batch):
        raise UnsuitableModel(
            f"the model takes a tensor of shape {taken.shape}; expected digits of "
            f"{PIXELS[0]}x{PIXELS[1]} pixels, for example (1, 28, 28)"
        )
    if math.prod(given.shape) != batch * CLASSES:
        raise UnsuitableModel(
            f"the model gives a tensor of shape {given.shape}; expected ({batch}, {CLASSES}) logits"
        )
    for end, spec in (("input", taken), ("output", given)):
        integer = np.issubdtype(np.dtype(spec.dtype), np.integer)
        # Pixels are uint8 before any quantization.
        whole = end == "input" and spec.dtype == "uint8"
        if spec.dtype not in ("float32", "int8", "uint8", "int16") or (
            integer != bool(spec.scale) and not whole
        ):
            raise UnsuitableModel(
                f"the model's {end} is {spec.dtype} with scale {spec.scale}; expected float32, "
                "or int8, uint8 or int16 with a scale"
            )
    return batch, channels
