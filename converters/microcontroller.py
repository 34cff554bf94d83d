"""Running a model as a microcontroller would: on TensorFlow Lite for Microcontrollers, in a child.

Its kernels are the reference ones: the device runtime's optimized ones may round a logit otherwise.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import ConversionError, MissingDependency
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.subprocesses import ChildFailed, Limits, call_in_child

_ARENAS = range(1 << 10, (16 << 20) + 1, 16)
"""Bytes to choose from: a digit and TFLM's records take more than the first; 16 is its step."""
_TIMEOUT = 600
"""Seconds: the shipped model and a thousand digits take five."""


@dataclass(frozen=True, kw_only=True)
class MicroRun:
    """What a model did on TensorFlow Lite for Microcontrollers."""

    outputs: NDArray[np.int8]
    """``(n, 10)``, as the output tensor has them."""
    arena_bytes: int
    """The smallest arena that it ran in on this 64-bit machine, in whole sixteens. A 32-bit target
    has smaller pointers in it; other kernels than the reference ones may add buffers."""
    version: str
    """The package that ran it, with its version."""


def run(content: bytes, inputs: NDArray[np.int8]) -> MicroRun:
    """Runs an int8 model in a process of its own, in the smallest arena that it fits in.

    Args:
        content: the bytes of a ``.tflite`` file.
        inputs: ``(n, 784) int8``, as the input tensor has them.

    Raises:
        ConversionError: it does not run there, for example for want of an operator.
        MissingDependency: tflite-micro is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        (Path(temporary) / "model.tflite").write_bytes(content)
        np.save(Path(temporary) / "inputs.npy", inputs)
        try:
            outcome = call_in_child(Limits(seconds=_TIMEOUT), _run_in_folder, temporary)
        except ChildFailed as failure:
            raise _cannot_run(f"it {failure}") from failure
    return MicroRun(outputs=np.array(outcome.pop("outputs"), np.int8), **outcome)


def _cannot_run(reason: str) -> ConversionError:
    return ConversionError(
        f"TensorFlow Lite for Microcontrollers cannot run the model ({reason}); take one of "
        "convolutions, poolings and dense layers, converted with --quantize int8"
    )


def _run(content: bytes, inputs: NDArray[np.int8]) -> dict[str, Any]:
    try:
        load: Any = import_module("tflite_micro").runtime.Interpreter.from_bytes  # has no types
    except ImportError as error:
        raise MissingDependency(
            f"TensorFlow Lite for Microcontrollers does not import ({error}): "
            "pip install tflite-micro (for Linux and macOS, and for some Pythons only)"
        ) from error

    def fits(arena: int) -> bool:
        with capture_descriptors(2), suppress(RuntimeError):  # TFLM tells at length what it lacks
            return load(content, arena_size=arena) is not None
        return False

    with capture_descriptors(2) as said:
        try:
            load(content, arena_size=_ARENAS[-1])  # what this does not cure is not want of memory
            arena = _ARENAS[bisect_left(_ARENAS, True, key=fits)]
            interpreter, outputs = load(content, arena_size=arena), []
            shape = interpreter.get_input_details(0)["shape"]
            for digit in inputs:
                interpreter.set_input(digit.reshape(shape), 0)
                interpreter.invoke()
                outputs.append(interpreter.get_output(0).ravel().tolist())
        # TFLM raises RuntimeError, its Python side whatever reading a flatbuffer ran into.
        except Exception as error:
            raise _cannot_run(" ".join(f"{said()} {error}".split())[:400]) from error
    version = metadata.version("tflite-micro")
    return {"outputs": outputs, "arena_bytes": arena, "version": f"tflite-micro {version}"}


def _run_in_folder(folder: str) -> dict[str, Any]:
    """Run ``model.tflite`` in a folder on its ``inputs.npy``; return the fields of ``MicroRun``."""
    content = (Path(folder) / "model.tflite").read_bytes()
    return _run(content, np.load(Path(folder) / "inputs.npy"))
