"""Open a model on whichever runtime is in use: the only module that imports runtimes.

TensorFlow's own interpreter is never used: it requantizes differently from the runtimes on devices,
by up to 9 of 256 steps.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel, MissingDependency, reinstall_command
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.selection import NUMPY, RUNTIMES, describe_runtime, selected_runtime
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.text import one_line

_CHUNK_SIZE = 32
"""Digits that are quantized and dequantized together."""
BATCH_SIZE = 8
"""Digits that an integer graph runs as one batch: with tflite-runtime 2.14.0 on x86-64 a digit of
``nano`` takes 105 us alone, 85 us in batches of 4, 81 us of 8 and 80 us of 64."""
_BATCHED = {"x86_64", "AMD64"}
"""Processors whose kernels answer a batch exactly as they answer its digits one by one. Arm's, of
32 and of 64 bits (cortex-a7 and cortex-a72, emulated), are one step off in one of 1,000 logits."""


class Backend(Protocol):
    """A model that is ready to run."""

    preferred_batch: int
    """Number of runs that ``invoke`` is most efficient with."""
    inputs: list[TensorSpec]
    """The model's input tensors."""
    outputs: list[TensorSpec]
    """The model's output tensors."""
    input_index: int
    """Index of the first input among the model's tensors."""
    output_index: int
    """Index of the first output among the model's tensors."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Yield each operator's name, and the indices of its input and output tensors."""

    def tensor(self, index: int) -> TensorSpec:
        """Return a tensor of the model."""

    def run(self, value: NDArray[Any]) -> NDArray[Any]:
        """Run a model of one input and one output once, on ``(*shape)`` values of its type."""

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Run a model of one input and one output.

        Args:
            values: ``(n, *shape)`` for an input of that shape, in its type: n runs, at most
                ``preferred_batch``.

        Returns:
            ``(n, *shape)`` for an output of that shape, in its type.
        """


def open_backend(content: bytes) -> Backend:
    """Open a model on the runtime in use, for one thread.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: the runtime is numpy, and does not support the model.
        UnknownName: the environment names an unknown runtime.
        MissingDependency: the runtime is not installed, or does not import.
    """
    name = selected_runtime()
    try:
        native = import_runtime(name)
    except ImportError as error:
        raise MissingDependency(
            f"{describe_runtime()} does not import ({one_line(error)}): {reinstall_command()}, or "
            f"choose --runtime {NUMPY}"
        ) from error
    if name == NUMPY:
        backend: Backend = native.NumpyBackend(content)
        return backend
    return TFLiteBackend(native, content)


def import_runtime(name: str) -> Any:
    """Import a runtime's module.

    Args:
        name: one of ``mnist_edge.runtimes.selection.RUNTIMES``.

    Raises:
        ImportError: it does not import.
    """
    # tflite-runtime's wheels for 64-bit Arm turn off subnormal numbers, and numpy warns about that
    # unless it has examined its float types before.
    for dtype in (np.float32, np.float64):
        np.finfo(dtype)
    return import_module(RUNTIMES[name])


class TFLiteBackend:
    """A model on tflite-runtime or ai-edge-litert.

    Args:
        native: the runtime's module.
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
    """

    preferred_batch = _CHUNK_SIZE
    """Quantizing and dequantizing many digits takes little more time than one."""

    def __init__(self, native: Any, content: bytes) -> None:
        with capture_descriptors(2) as captured:
            try:
                # A digit is too small to be shared among a kernel's threads.
                self._native: Any = native.Interpreter(model_content=content, num_threads=1)
                self._native.allocate_tensors()
            except (ValueError, RuntimeError, MemoryError) as error:
                raise _load_error(one_line(f"{error} {captured()}")) from error
        inputs, outputs = self._native.get_input_details(), self._native.get_output_details()
        self.inputs = [_tensor_spec(details) for details in inputs]
        """The model's input tensors."""
        self.outputs = [_tensor_spec(details) for details in outputs]
        """The model's output tensors."""
        self.output_index = int(outputs[0]["index"]) if outputs else -1
        """Index of the first output among the model's tensors."""
        self.input_index = int(inputs[0]["index"]) if inputs else -1
        """Index of the first input among the model's tensors."""
        self._open_another = partial(native.Interpreter, model_content=content, num_threads=1)
        self._batched: Any = None
        """The same model resized to a batch; False if it cannot be, or answers differently."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Yield each operator's name, and the indices of its input and output tensors."""
        # The runtimes have no public access to their operators.
        for operator in self._native._get_ops_details():  # noqa: SLF001
            # A delegate is listed besides the operators it replaces, with the last one's outputs.
            if operator["op_name"] != "DELEGATE":
                yield (
                    operator["op_name"],
                    [int(index) for index in operator["inputs"]],
                    [int(index) for index in operator["outputs"]],
                )

    def tensor(self, index: int) -> TensorSpec:
        """Return a tensor of the model."""
        details = self._native.get_tensor_details()
        return _tensor_spec(next(one for one in details if one["index"] == index))

    def run(self, value: NDArray[Any]) -> NDArray[Any]:
        """Run the model once: as ``Backend.run``.

        Raises:
            InvalidModel: one of its operators fails.
        """
        try:
            return self._run(self._native, value)
        except RuntimeError as error:
            raise _run_error(one_line(error)) from error

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Run the model n times, in batches if it answers those alike: as ``Backend.invoke``.

        Raises:
            InvalidModel: one of its operators fails.
        """
        whole = len(values) - len(values) % BATCH_SIZE
        if whole and self._batched is None:
            self._batched = self._open_batched(values[:BATCH_SIZE])
        if not self._batched:
            whole = 0
        try:
            outputs = [
                self._run(
                    self._batched, values[start : start + BATCH_SIZE].reshape(self._batch_shape)
                )
                for start in range(0, whole, BATCH_SIZE)
            ]
            outputs += [self._run(self._native, value) for value in values[whole:]]
        except RuntimeError as error:
            raise _run_error(one_line(error)) from error
        # concatenate takes a fraction of the time of stack.
        joined: NDArray[Any] = np.concatenate(outputs)
        return joined.reshape(len(values), *self.outputs[0].shape)

    @property
    def _batch_shape(self) -> tuple[int, ...]:
        first, *rest = self.inputs[0].shape
        return (BATCH_SIZE * first, *rest)

    def _open_batched(self, values: NDArray[Any]) -> Any:
        """Open the model resized to a batch; False unless it answers these values as one by one.

        Sums of integers do not depend on their order, sums of floats do. A graph may also have its
        batch size written into it, or mix the digits of a batch.
        """
        if platform.machine() not in _BATCHED:
            return False
        details = self._native.get_tensor_details()
        if any(np.issubdtype(tensor["dtype"], np.floating) for tensor in details):
            return False
        with capture_descriptors(2):
            try:
                batched = self._open_another()
                batched.resize_tensor_input(self.input_index, self._batch_shape)
                batched.allocate_tensors()
                together = self._run(batched, values.reshape(self._batch_shape))
            except (ValueError, RuntimeError, MemoryError):
                return False
        alone = np.concatenate([self._run(self._native, value) for value in values])
        return np.array_equal(together, alone) and batched

    def _run(self, native: Any, value: NDArray[Any]) -> NDArray[Any]:
        native.set_tensor(self.input_index, value)
        native.invoke()
        output: NDArray[Any] = native.get_tensor(self.output_index)
        return output


def _run_error(reason: str) -> InvalidModel:
    """Make the error for a model that loads and does not run."""
    if "(READ_VARIABLE)" in reason:
        return InvalidModel(
            "the model reads a variable that has no value, so its weights are not in the file; "
            "convert it again from a model whose variables TensorFlow tracks, such as one that "
            "model.export wrote"
        )
    return InvalidModel(
        f"{describe_runtime()} cannot run the model ({reason}); copy the file again, or convert it "
        "again with: mnist-edge convert"
    )


def _load_error(reason: str) -> InvalidModel:
    """Make the error for a model that the runtime cannot load."""
    if "edgetpu" in reason:
        return InvalidModel(
            "the model is compiled for the Edge TPU, which alone can run it; use the .tflite that "
            "it was compiled from"
        )
    custom = re.search(r"[Uu]nresolved custom op: ?(\S+?)\.?(?:\s|$)", reason)
    flex = re.search(r"\(Flex(\w+)\)", reason)
    if custom or flex or "Select TensorFlow op" in reason:
        name = custom[1] if custom else f"TensorFlow's own {flex[1] if flex else 'operators'}"
        return InvalidModel(
            f"the model needs {name}, which no TFLite runtime has; build the layer from other "
            "operators and convert again"
        )
    return InvalidModel(
        f"{describe_runtime()} cannot load the model ({reason}); copy the file again, or convert "
        "it again with: mnist-edge convert"
    )


def _tensor_spec(details: dict[str, Any]) -> TensorSpec:
    scale, zero_point = details["quantization"]
    return TensorSpec(
        shape=tuple(int(size) for size in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale),
        zero_point=int(zero_point),
    )
