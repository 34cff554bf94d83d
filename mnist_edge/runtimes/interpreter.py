"""Run a TFLite model on pixels, on any runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import InvalidModel, UnsuitableModel
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.backends import BATCH_SIZE, Backend, open_backend

if TYPE_CHECKING:
    # Not needed by this project's own models, which take raw pixels.
    from mnist_edge.runtimes.input_scaling import InputScaling

_Quantizer: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""From ``(n, 28, 28) uint8`` pixels to the input tensor's own type."""
_PROBABILITIES = ("SOFTMAX", "LOGISTIC")
"""Operators that turn logits into probabilities."""


class Interpreter:
    """A model, ready to run.

    Args:
        content: the bytes of a ``.tflite`` file.
        scaling: the input scaling that the model was trained with; None for raw pixels, as this
            project's models take them.
        threads: how many read digits in parallel, at least 1. Each opens the model for itself,
            because one digit is too small to be shared among threads.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: input or output is not that of a digit model, or the runtime is numpy and
            does not support the model.
        UnknownName: the environment names an unknown runtime.
        MissingDependency: the runtime is not installed, or does not import.
    """

    def __init__(
        self, content: bytes, *, scaling: InputScaling | None = None, threads: int = 1
    ) -> None:
        self.signature, self._content, backend = _open_digit_graph(content)
        """The signature that reads digits, if that is not the first one of the file."""
        self._scaling, self._threads = scaling, threads
        self._idle_backends = [backend]
        self._preferred_batch = backend.preferred_batch
        self.input = backend.inputs[0]
        """Shape, type, scale and zero point of the pixels."""
        self.output = backend.outputs[0]
        """Shape, type, scale and zero point of the logits."""
        self._batch, self._channels = _check_tensors(self.input, self.output)
        self._last_operator, index = _last_operator(backend)
        probabilities = self.output
        if self.has_probabilities and not self.output.scale:
            probabilities = backend.tensor(index)
        # A probability that was rounded to 0 counts as half a step.
        self._min_probability = probabilities.scale / 2 or float(np.finfo(np.float32).tiny)
        self._quantized_input = self.input if self.input.scale else _quantized_input(backend)
        self._quantize_pixels = _pixel_quantizer(self.input, scaling)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the bytes, which the other process opens again."""
        return _reopen, (self._content, self._scaling, self._threads)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the ten logits of each digit.

        Args:
            pixels: ``(n, 28, 28) uint8``, 0 background, 255 ink.

        Returns:
            ``(n, 10) float32``, in real units. For a model that ends in a softmax, the logarithms
            of its probabilities, which are valid logits.

        Raises:
            InvalidModel: a logit is NaN or infinite, so that no digit follows from them.
        """
        logits = self._run_batches(pixels, self._quantize_pixels)
        # Integers of a finite scale are finite.
        if not self.output.scale and not np.isfinite(logits).all():
            raise InvalidModel(
                "the model answers with logits that are NaN or infinite: copy the file again, or "
                "name the pixel scaling that it was trained with by --pixels"
            )
        return logits

    def logits_of_scaled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the ten logits of each digit, given the input as the model takes it.

        Args:
            values: ``(n, 28, 28)``, pixels after an input scaling, whatever the interpreter's own.

        Returns:
            ``(n, 10) float32``, as ``logits``, but NaN or infinite where the values drive the
            model beyond the range of floats.
        """
        return self._run_batches(values, lambda batch: quantize(batch, self.input))

    @property
    def has_probabilities(self) -> bool:
        """Whether the model ends in a softmax or in sigmoids."""
        return self._last_operator in _PROBABILITIES

    def supports(self, scaling: InputScaling) -> bool:
        """Return whether the input tensor can hold the range of an input scaling.

        That of a float input that the model quantizes first is the quantized tensor's.
        """
        if self._quantized_input is None:
            return True
        limits = np.iinfo(self._quantized_input.dtype)
        integers = np.array([limits.min, limits.max], self._quantized_input.dtype)
        return scaling.fits(*dequantize(integers, self._quantized_input).tolist())

    def raw_output(self, digit: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the ten outputs of a ``(28, 28) uint8`` digit, in the output tensor's own type."""
        if self._batch > 1 or self._channels > 1:
            values = self._quantize_pixels(digit[np.newaxis])
            output: NDArray[Any] = self._invoke(values)[0]
            return output
        # This is all that a digit needs, for which everything that a batch needs takes long.
        values = self._quantize_pixels(digit[np.newaxis]).reshape(self.input.shape)
        backend = self._take_backend()
        try:
            return backend.run(values).reshape(CLASSES)
        finally:
            self._idle_backends.append(backend)

    def exercise(self) -> None:
        """Run the model in each way that this class can, so that a damaged one crashes here."""
        shape = (self._batch * (BATCH_SIZE + 1), *DIGIT_SHAPE)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.raw_output(noise[0])
        for values in (noise, noise / 255):
            self.logits_of_scaled(values.astype(np.float32))

    def _run_batches(
        self, digits: NDArray[Any], quantizer: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> NDArray[np.float32]:
        step = self._batch * self._preferred_batch
        if 0 < len(digits) <= step:
            return self._logits(quantizer(digits))
        logits = np.empty((len(digits), CLASSES), np.float32)
        starts = range(0, len(digits), step)

        def run(starts: Iterable[int]) -> None:
            for start in starts:
                values = quantizer(digits[start : start + step])
                logits[start : start + step] = self._logits(values)

        threads = min(self._threads, len(starts))
        if threads <= 1:
            run(starts)
            return logits
        # Not needed to read one digit.
        from concurrent.futures import ThreadPoolExecutor

        shares = [starts[number::threads] for number in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            # list() raises here what a thread raised.
            list(pool.map(run, shares))
        return logits

    def _logits(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Compute logits of quantized digits, at most ``preferred_batch`` runs: ``(n, 10)``."""
        outputs = dequantize(self._invoke(values), self.output)
        smallest = self._min_probability
        if self._last_operator == "SOFTMAX":
            outputs = np.log(np.maximum(outputs, smallest))
        elif self._last_operator == "LOGISTIC":
            log_odds = np.log(np.maximum(outputs, smallest))
            outputs = log_odds - np.log(np.maximum(1 - outputs, smallest))
        return outputs

    def _invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Compute outputs of quantized digits, at most ``preferred_batch`` runs: ``(n, 10)``."""
        count = len(values)
        if self._channels > 1:
            values = np.repeat(values[..., np.newaxis], self._channels, axis=-1)
        runs = -(-count // self._batch)
        if count < runs * self._batch:
            # A batch of a fixed size is filled up with copies.
            values = np.resize(values, (runs * self._batch, *values.shape[1:]))
        backend = self._take_backend()
        try:
            outputs = backend.invoke(values.reshape(runs, *self.input.shape))
        finally:
            self._idle_backends.append(backend)
        return outputs.reshape(-1, CLASSES)[:count]

    def _take_backend(self) -> Backend:
        """Take a backend that no thread calls: one that two call at a time answers wrongly."""
        # Popping and appending are atomic; a lock would keep the other cores waiting.
        try:
            return self._idle_backends.pop()
        except IndexError:
            return open_backend(self._content)


def _reopen(content: bytes, scaling: InputScaling | None, threads: int) -> Interpreter:
    return Interpreter(content, scaling=scaling, threads=threads)


def _open_digit_graph(content: bytes) -> tuple[str | None, bytes, Backend]:
    """Open the first graph of a file, or if that reads no digits, the signature that does.

    Returns:
        The name of the signature if the graph is not the first one, the file with that graph as
        its first, and the backend.
    """
    try:
        return None, content, _open_checked(content)
    except UnsuitableModel:
        # Hardly any model has a second signature.
        from mnist_edge.runtimes.signature_graphs import other_signatures

        for name, other in other_signatures(content):
            with suppress(UnsuitableModel):
                return name, other, _open_checked(other)
        raise


def _open_checked(content: bytes) -> Backend:
    backend = open_backend(content)
    inputs, outputs = backend.inputs, backend.outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsuitableModel(
            f"the model has {len(inputs)} inputs and {len(outputs)} outputs; expected 1 and 1"
        )
    _check_tensors(inputs[0], outputs[0])
    return backend


def _pixel_quantizer(spec: TensorSpec, scaling: InputScaling | None) -> _Quantizer:
    """Return a function from pixels to the input tensor's type; a table if pixels stay apart."""
    if scaling is not None and (scaling.unit_axes or scaling.transposed):
        return lambda pixels: quantize(scaling.apply(pixels), spec)
    levels = np.arange(256, dtype=np.uint8)
    table = quantize(levels if scaling is None else scaling.apply(levels), spec)
    if table.dtype == np.int8 and np.array_equal((levels ^ np.uint8(128)).view(np.int8), table):
        # This project's own models: pixel minus 128, which is one operation on whole registers.
        # An array of as many pixels takes a fifth of the time of a number, at one digit.
        middle = np.full(DIGIT_SHAPE, 128, np.uint8)
        return lambda pixels: np.bitwise_xor(pixels, middle).view(np.int8)
    # No pixel lies outside the table; with "clip" numpy takes less than half the time.
    return partial(table.take, mode="clip")


def _quantized_input(backend: Backend) -> TensorSpec | None:
    """Return the tensor that a float input is quantized to, if the model begins with that."""
    for name, inputs, outputs in backend.operators():
        if name == "QUANTIZE" and inputs[0] == backend.input_index:
            return backend.tensor(outputs[0])
    return None


def _last_operator(backend: Backend) -> tuple[str, int]:
    """Return the operator that computes the output, before changes of type and shape.

    Returns:
        Its name, and the index of the tensor that it computes.
    """
    producers = {
        index: (name, inputs) for name, inputs, outputs in backend.operators() for index in outputs
    }
    name, index = "", backend.output_index
    while index in producers:
        # Removed, so that a damaged model's loop ends.
        name, inputs = producers.pop(index)
        if name not in {"QUANTIZE", "DEQUANTIZE", "RESHAPE"}:
            break
        index = inputs[0]
    return name, index


def quantize(values: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Convert real values to a tensor's own type.

    ``round(value / scale) + zero_point``, halves away from zero as in the runtime's own QUANTIZE
    operator (tensorflow/lite/kernels/internal/reference/quantize.h), clipped to the type.
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
    """Convert every pixel value, 0..255, to the input tensor's own type: ``(256,)``."""
    return quantize(np.arange(256), spec)


def dequantize(values: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    """Convert a tensor's values to real ones: ``(value - zero_point) * scale``."""
    if not spec.scale:
        return values.astype(np.float32)
    # In int8, 127 - (-128) would wrap around to -1.
    return ((values.astype(np.int32) - spec.zero_point) * spec.scale).astype(np.float32)


def _check_tensors(input_spec: TensorSpec, output_spec: TensorSpec) -> tuple[int, int]:
    """Return how many digits a model takes per run, and of how many channels.

    Raises:
        InvalidModel: a scale is negative, NaN or infinite.
        UnsuitableModel: it does not take digits, or does not return ten outputs for each.
    """
    channels = 3 if input_spec.shape[-1:] == (3,) else 1
    batch, rest = divmod(math.prod(input_spec.shape), channels * math.prod(DIGIT_SHAPE))
    if rest or not batch or (batch > 1 and input_spec.shape[0] != batch):
        raise UnsuitableModel(
            f"the model takes a tensor of shape {input_spec.shape}; expected digits of "
            f"{DIGIT_SHAPE[0]}x{DIGIT_SHAPE[1]} pixels, for example (1, 28, 28)"
        )
    if math.prod(output_spec.shape) != batch * CLASSES:
        raise UnsuitableModel(
            f"the model returns a tensor of shape {output_spec.shape}; expected "
            f"({batch}, {CLASSES}) logits"
        )
    for end, spec in (("input", input_spec), ("output", output_spec)):
        if not 0 <= spec.scale < math.inf:
            raise InvalidModel(
                f"the model's {end} has scale {spec.scale}; expected a positive number: copy the "
                "file again, or convert it again with: mnist-edge convert"
            )
        is_integer = np.issubdtype(np.dtype(spec.dtype), np.integer)
        # Raw pixels are uint8 without any quantization.
        is_raw = end == "input" and spec.dtype == "uint8"
        if spec.dtype not in ("float32", "int8", "uint8", "int16") or (
            is_integer != bool(spec.scale) and not is_raw
        ):
            raise UnsuitableModel(
                f"the model's {end} is {spec.dtype} with scale {spec.scale}; expected float32, "
                "or int8, uint8 or int16 with a scale"
            )
    return batch, channels
