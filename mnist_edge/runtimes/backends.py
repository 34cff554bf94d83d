"""Runtimes behind one door: the only module that imports any.

TensorFlow's own is never used; it requantizes differently from the runtimes that ship, by up to 9
of 256 steps.
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

_AT_ONCE = 32
"""Digits that are quantized together, and whose answers are dequantized together."""
_BATCH = 8
"""Runs that an integer graph is given as one batch: with tflite-runtime 2.14.0 on x86-64 a digit of
``nano`` takes 105 us alone, 85 in batches of 4, 81 of 8 and 80 of 64."""
_BATCHED = {"x86_64", "AMD64"}
"""Processors whose kernels answer a batch as they answer its digits one by one. Those of 32 and of
64 bits of Arm's (cortex-a7 and cortex-a72, emulated) are a step off in one logit of a thousand."""


class Backend(Protocol):
    """A model that is ready to run."""

    preferred_batch: int
    """Runs that ``invoke`` is best given together."""
    inputs: list[TensorSpec]
    """What it takes."""
    outputs: list[TensorSpec]
    """What it gives."""
    output_position: int
    """Position of the first output among the model's tensors."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Of each operator the name, and the positions of the tensors it takes and makes."""

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Runs a model of one input and one output.

        Args:
            values: ``(n, *shape)`` for an input of that shape, in its type: each of the n is a run.
                n is ``preferred_batch`` at most.

        Returns:
            ``(n, *shape)`` for an output of that shape, in its type.
        """


def open_backend(content: bytes) -> Backend:
    """A model on the runtime in use, for one thread.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: the runtime is numpy, and has not all that the model needs.
        UnknownName: the environment names a runtime that there is not.
        MissingDependency: it names one that is not installed, or the one installed does not import.
    """
    name = selected_runtime()
    try:
        native = import_runtime(name)
    except ImportError as error:
        raise MissingDependency(
            f"{describe_runtime()} does not import ({error}): {reinstall_command()}, or "
            f"choose --runtime {NUMPY}"
        ) from error
    if name == NUMPY:
        engine: Backend = native.NumpyBackend(content)
        return engine
    return TFLiteBackend(native, content)


def import_runtime(name: str) -> Any:
    """Imports a runtime.

    Args:
        name: one of ``mnist_edge.runtimes.selection.RUNTIMES``.

    Raises:
        ImportError: it does not import.
    """
    # tflite-runtime's wheels for 64-bit Arm turn off numbers below the normal ones, of which numpy
    # warns where it has not looked at its types before.
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

    preferred_batch = _AT_ONCE
    """What comes before and after a run is made of many at once in little more time than of one."""

    def __init__(self, native: Any, content: bytes) -> None:
        with capture_descriptors(2) as said:
            try:
                # A digit is too small to be shared out among a kernel's threads.
                self._native: Any = native.Interpreter(model_content=content, num_threads=1)
                self._native.allocate_tensors()
            except (ValueError, RuntimeError, MemoryError) as error:
                reason = " ".join(f"{error} {said()}".split())
                raise _refused(reason) from error
        inputs, outputs = self._native.get_input_details(), self._native.get_output_details()
        self.inputs = [_tensor_spec(details) for details in inputs]
        """What it takes."""
        self.outputs = [_tensor_spec(details) for details in outputs]
        """What it gives."""
        self.output_position = int(outputs[0]["index"]) if outputs else -1
        """Position of the first output among the model's tensors."""
        self._input_position = int(inputs[0]["index"]) if inputs else -1
        self._open_twin = partial(native.Interpreter, model_content=content, num_threads=1)
        self._batches: Any = None
        """The same model with room for a batch; False where it gives other answers, or none."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Of each operator the name, and the positions of the tensors it takes and makes."""
        # The runtimes have no public way to their operators.
        for operator in self._native._get_ops_details():  # noqa: SLF001
            # A delegate stands beside the operators it replaces, with the outputs of the last.
            if operator["op_name"] != "DELEGATE":
                yield (
                    operator["op_name"],
                    [int(position) for position in operator["inputs"]],
                    [int(position) for position in operator["outputs"]],
                )

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Runs the model on one after another: ``(n, *shape)`` to ``(n, *shape)``."""
        whole = len(values) - len(values) % _BATCH
        if whole and self._batches is None:
            self._batches = self._find_batches(values[:_BATCH])
        if not self._batches:
            whole = 0
        outputs = [
            self._run(self._batches, values[start : start + _BATCH].reshape(self._batch_shape))
            for start in range(0, whole, _BATCH)
        ]
        outputs += [self._run(self._native, value) for value in values[whole:]]
        # Joining takes a fraction of the time that stacking does.
        together: NDArray[Any] = np.concatenate(outputs)
        return together.reshape(len(values), *self.outputs[0].shape)

    @property
    def _batch_shape(self) -> tuple[int, ...]:
        first, *rest = self.inputs[0].shape
        return (_BATCH * first, *rest)

    def _find_batches(self, values: NDArray[Any]) -> Any:
        """The model resized to a batch, if it answers these values as it does one by one.

        Integers are summed exactly in any order, floats are not. A graph may also have its batch
        size written into it, or mix the digits of a batch.
        """
        if platform.machine() not in _BATCHED:
            return False
        details = self._native.get_tensor_details()
        if any(np.issubdtype(tensor["dtype"], np.floating) for tensor in details):
            return False
        with capture_descriptors(2):
            try:
                twin = self._open_twin()
                twin.resize_tensor_input(self._input_position, self._batch_shape)
                twin.allocate_tensors()
                together = self._run(twin, values.reshape(self._batch_shape))
            except (ValueError, RuntimeError, MemoryError):
                return False
        alone = np.concatenate([self._run(self._native, value) for value in values])
        return np.array_equal(together, alone) and twin

    def _run(self, native: Any, value: NDArray[Any]) -> NDArray[Any]:
        native.set_tensor(self._input_position, value)
        native.invoke()
        output: NDArray[Any] = native.get_tensor(self.output_position)
        return output


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
