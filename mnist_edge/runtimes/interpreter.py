"""Running a TFLite model on pixels, whichever the runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import UnsuitableModel
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.backends import Backend, open_backend

if TYPE_CHECKING:
    # Our own models do without.
    from mnist_edge.runtimes.input_scaling import InputScaling

_Quantizer: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""``(n, 28, 28) uint8`` in the input tensor's own type."""
_ROOM = 0.05
"""Share of a reading's range that may lie beyond what a quantized input holds."""


class Interpreter:
    """One model, ready to run.

    Args:
        content: the bytes of a ``.tflite`` file.
        reading: what the model takes its input to mean; raw pixels, as ours do, where it is None.
        threads: how many read digits side by side where there are many, each with the model opened
            for itself: one digit is too small to share out. 1 at least.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: input or output is not that of a digit model, or the runtime is numpy and
            cannot run it.
        UnknownName: the environment names a runtime that there is not.
        MissingDependency: it names one that is not installed, or the one installed is broken.
    """

    def __init__(
        self, content: bytes, *, reading: InputScaling | None = None, threads: int = 1
    ) -> None:
        self._content, self._reading, self._threads = content, reading, threads
        backend = open_backend(content)
        self._idle_backends = [backend]
        self._batch_size = backend.preferred_batch
        inputs, outputs = backend.inputs, backend.outputs
        if len(inputs) != 1 or len(outputs) != 1:
            raise UnsuitableModel(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; expected 1 and 1"
            )
        self.input = inputs[0]
        """Shape, type, scale and zero point of the pixels."""
        self.output = outputs[0]
        """Shape, type, scale and zero point of the logits."""
        self._batch, self._channels = _layout(self.input, self.output)
        self._last_operator = _last_operator(backend)
        self._quantized = _quantizer(self.input, reading)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the same bytes again."""
        return _opened, (self._content, self._reading, self._threads)

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

    def supports(self, reading: InputScaling) -> bool:
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

    def _each_batch(
        self, digits: NDArray[Any], quantized: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> NDArray[np.float32]:
        step = self._batch * self._batch_size
        if 0 < len(digits) <= step:
            return self._answers(quantized(digits))
        logits = np.empty((len(digits), CLASSES), np.float32)
        starts = range(0, len(digits), step)

        def read(starts: Iterable[int]) -> None:
            for start in starts:
                values = quantized(digits[start : start + step])
                logits[start : start + step] = self._answers(values)

        threads = min(self._threads, len(starts))
        if threads <= 1:
            read(starts)
            return logits
        # One digit is read without it.
        from concurrent.futures import ThreadPoolExecutor

        shares = [starts[number::threads] for number in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            # A list, for what a thread raises to be raised here.
            list(pool.map(read, shares))
        return logits

    def _answers(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """The logits of as many digits as are run at once, ``(n, 10)``."""
        return self._logits_of(dequantize(self._invoke(values), self.output))

    def _invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """The outputs of as many digits as are run at once, ``(n, 10)``."""
        count = len(values)
        if self._channels > 1:
            values = np.repeat(values[..., np.newaxis], self._channels, axis=-1)
        runs = -(-count // self._batch)
        if count < runs * self._batch:
            # A batch that the model fixes is filled with copies.
            values = np.resize(values, (runs * self._batch, *values.shape[1:]))
        # A backend answers one thread at a time: with two in it, it answers wrongly. Popping and
        # appending are atomic, and a lock would keep the other cores waiting.
        try:
            backend = self._idle_backends.pop()
        except IndexError:
            backend = open_backend(self._content)
        try:
            outputs = backend.invoke(values.reshape(runs, *self.input.shape))
        finally:
            self._idle_backends.append(backend)
        return outputs.reshape(-1, CLASSES)[:count]

    def _logits_of(self, answers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of what a model ends in; a probability that is rounded to none is half a step."""
        least = self.output.scale / 2 or float(np.finfo(np.float32).tiny)
        if self._last_operator == "SOFTMAX":
            answers = np.log(np.maximum(answers, least))
        elif self._last_operator == "LOGISTIC":
            answers = np.log(np.maximum(answers, least)) - np.log(np.maximum(1 - answers, least))
        return answers


def _opened(content: bytes, reading: InputScaling | None, threads: int) -> Interpreter:
    return Interpreter(content, reading=reading, threads=threads)


def _quantizer(spec: TensorSpec, reading: InputScaling | None) -> _Quantizer:
    """From pixels to what the input takes: by a table, where each pixel is read by itself."""
    if reading is not None and reading.unit_axes:
        return lambda pixels: quantize(reading.apply(pixels), spec)
    levels = np.arange(256, dtype=np.uint8)
    table = quantize(levels if reading is None else reading.apply(levels), spec)
    # No pixel lies outside the table; told so, numpy takes less than half the time.
    return partial(table.take, mode="clip")


def _last_operator(engine: Backend) -> str:
    """The operator that makes the output, under changes of type and shape."""
    makers = {
        made: (name, taken) for name, taken, outputs in engine.operators() for made in outputs
    }
    name, position = "", engine.output_position
    while position in makers:
        # Taken out, for a damaged model to end as well.
        name, taken = makers.pop(position)
        if name not in {"QUANTIZE", "DEQUANTIZE", "RESHAPE"}:
            break
        position = taken[0]
    return name


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


def _layout(taken: TensorSpec, given: TensorSpec) -> tuple[int, int]:
    """How many digits a model takes at once, and of how many channels.

    Raises:
        UnsuitableModel: it takes no digits, or gives no ten outputs for each.
    """
    channels = 3 if taken.shape[-1:] == (3,) else 1
    batch, rest = divmod(math.prod(taken.shape), channels * math.prod(DIGIT_SHAPE))
    if rest or not batch or (batch > 1 and taken.shape[0] != batch):
        raise UnsuitableModel(
            f"the model takes a tensor of shape {taken.shape}; expected digits of "
            f"{DIGIT_SHAPE[0]}x{DIGIT_SHAPE[1]} pixels, for example (1, 28, 28)"
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
