"""Run a model on TensorFlow Lite for Microcontrollers (TFLM), in a process of its own.

Its kernels are the reference kernels; the device runtime's optimized ones may round differently.
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
from mnist_edge.system.subprocesses import ChildFailed, ChildLimits, call_in_child
from mnist_edge.system.text import one_line

_ARENAS = range(1 << 10, (16 << 20) + 1, 16)
"""Candidate sizes in bytes: a digit and TFLM's own records exceed the first; TFLM aligns to 16."""
_TIMEOUT = 600
"""Seconds; a shipped model and a thousand digits take five."""


@dataclass(frozen=True, kw_only=True)
class MicroRun:
    """The result of running a model on TensorFlow Lite for Microcontrollers."""

    outputs: NDArray[np.int8]
    """``(n, 10)``, quantized as in the output tensor."""
    arena_bytes: int
    """The smallest arena in which it runs on this 64-bit machine, a multiple of 16. Pointers are
    smaller on a 32-bit target; kernels other than the reference ones may need more buffers."""
    version: str
    """The package that ran it, with its version."""


def run(content: bytes, inputs: NDArray[np.int8]) -> MicroRun:
    """Run an int8 model in a process of its own, in the smallest arena that fits.

    Args:
        content: the bytes of a ``.tflite`` file.
        inputs: ``(n, 784) int8``, quantized as in the input tensor.

    Raises:
        ConversionError: it does not run there, for example because an operator is missing.
        MissingDependency: tflite-micro is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        (Path(temporary) / "model.tflite").write_bytes(content)
        np.save(Path(temporary) / "inputs.npy", inputs)
        try:
            outcome = call_in_child(ChildLimits(seconds=_TIMEOUT), _run_in_folder, temporary)
        except ChildFailed as failure:
            raise _cannot_run(f"it {failure}") from failure
    return MicroRun(outputs=np.array(outcome.pop("outputs"), np.int8), **outcome)


def _cannot_run(reason: str) -> ConversionError:
    return ConversionError(
        f"TensorFlow Lite for Microcontrollers cannot run the model ({reason}); use a model of "
        "convolutions, poolings and dense layers, converted with --quantize int8"
    )


def _run(content: bytes, inputs: NDArray[np.int8]) -> dict[str, Any]:
    try:
        load: Any = import_module("tflite_micro").runtime.Interpreter.from_bytes  # untyped
    except ImportError as error:
        raise MissingDependency(
            f"TensorFlow Lite for Microcontrollers does not import ({error}): "
            "pip install tflite-micro (for Linux and macOS, and for some Pythons only)"
        ) from error

    def fits(arena: int) -> bool:
        with capture_descriptors(2), suppress(RuntimeError):  # TFLM logs every failure at length
            return load(content, arena_size=arena) is not None
        return False

    with capture_descriptors(2) as log:
        try:
            load(content, arena_size=_ARENAS[-1])  # if this fails, memory is not the cause
            arena = _ARENAS[bisect_left(_ARENAS, True, key=fits)]
            interpreter, outputs = load(content, arena_size=arena), []
            shape = interpreter.get_input_details(0)["shape"]
            for digit in inputs:
                interpreter.set_input(digit.reshape(shape), 0)
                interpreter.invoke()
                outputs.append(interpreter.get_output(0).ravel().tolist())
        # TFLM raises RuntimeError, its Python side whatever reading a flatbuffer raises.
        except Exception as error:
            raise _cannot_run(one_line(f"{log()} {error}")[:400]) from error
    version = metadata.version("tflite-micro")
    return {"outputs": outputs, "arena_bytes": arena, "version": f"tflite-micro {version}"}


def _run_in_folder(folder: str) -> dict[str, Any]:
    """Run ``model.tflite`` in a folder on its ``inputs.npy``; return the fields of ``MicroRun``."""
    content = (Path(folder) / "model.tflite").read_bytes()
    return _run(content, np.load(Path(folder) / "inputs.npy"))
