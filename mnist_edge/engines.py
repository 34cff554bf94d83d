"""Runtimes behind one door: the only module that imports any.

TensorFlow's own is never used; it requantizes differently from the runtimes that ship, by up to 9
of 256 steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel, MissingDependency
from mnist_edge.manifest import TensorSpec
from mnist_edge.quiet import captured_descriptors
from mnist_edge.runtimes import NUMPY, RUNTIMES, runtime

_AT_ONCE = 32
"""Digits that are quantized together, and whose answers are dequantized together."""


class Engine(Protocol):
    """A model that is ready to run."""

    at_once: int
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
                n is ``at_once`` at most.

        Returns:
            ``(n, *shape)`` for an output of that shape, in its type.
        """


def open_engine(content: bytes, *, threads: int = 1) -> Engine:
    """A model on the runtime in use.

    Args:
        content: the bytes of a ``.tflite`` file.
        threads: threads the kernels of a TFLite runtime may use.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
        UnsuitableModel: the runtime is numpy, and has not all that the model needs.
        UnknownName: the environment names a runtime that there is not.
        MissingDependency: it names one that is not installed, or the one installed does not import.
    """
    name = runtime().split()[0]
    try:
        native = native_module(name)
    except ImportError as error:
        raise MissingDependency(
            f"{runtime()} does not import ({error}): pip install --force-reinstall mnist-edge, or "
            f"choose --runtime {NUMPY}"
        ) from error
    if name == NUMPY:
        engine: Engine = native.NumpyEngine(content)
        return engine
    return TFLiteEngine(native, content, threads=threads)


def native_module(name: str) -> Any:
    """Imports a runtime.

    Args:
        name: one of ``mnist_edge.runtimes.RUNTIMES``.

    Raises:
        ImportError: it does not import.
    """
    # tflite-runtime's wheels for 64-bit Arm turn off numbers below the normal ones, of which numpy
    # warns where it has not looked at its types before.
    for dtype in (np.float32, np.float64):
        np.finfo(dtype)
    return import_module(RUNTIMES[name])


class TFLiteEngine:
    """A model on tflite-runtime or ai-edge-litert.

    Args:
        native: the runtime's module.
        content: the bytes of a ``.tflite`` file.
        threads: threads the kernels may use.

    Raises:
        InvalidModel: the runtime cannot load the bytes.
    """

    at_once = _AT_ONCE
    """Its tensors have room for one run, but what comes before and after is made of many at once
    in little more time than of one."""

    def __init__(self, native: Any, content: bytes, *, threads: int) -> None:
        with captured_descriptors(2) as said:
            try:
                self._native: Any = native.Interpreter(model_content=content, num_threads=threads)
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
        outputs = [self._run(value) for value in values]
        # Joining takes a fraction of the time that stacking does.
        together: NDArray[Any] = np.concatenate(outputs)
        return together.reshape(len(values), *outputs[0].shape)

    def _run(self, value: NDArray[Any]) -> NDArray[Any]:
        self._native.set_tensor(self._input_position, value)
        self._native.invoke()
        output: NDArray[Any] = self._native.get_tensor(self.output_position)
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
        f"{runtime()} cannot load the model ({reason}); copy the file again, or convert it again "
        "with: mnist-edge convert"
    )


def _tensor_spec(details: dict[str, Any]) -> TensorSpec:
    scale, zero_point = details["quantization"]
    return TensorSpec(
        shape=tuple(int(size) for size in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale),
        zero_point=int(zero_point),
    )
