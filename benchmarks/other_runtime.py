# ruff: noqa: INP001  # scripts, not a package
"""One runtime reads digits, in a process of its own: what ``other_runtimes.py`` starts.

    python benchmarks/other_runtime.py RUNTIME MODEL DIGITS.npy

Prints the microseconds of a digit, read one by one, the median of all; runs in the peers'
environment as well, and so imports nothing of this project.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Call = Callable[[NDArray[np.uint8]], object]
_WARM_UP = 20


def tflite(module: str, model: str) -> Call:
    """An interpreter of TFLite files: set the input, run, read the output."""
    package, *attributes = module.split(":")
    interpreter_class: Any = reduce(getattr, attributes, cast("Any", import_module(package)))
    interpreter = interpreter_class(model_path=model)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = taken["quantization"]

    def call(digit: NDArray[np.uint8]) -> object:
        values = (np.round(digit / scale) + zero).astype(taken["dtype"]).reshape(taken["shape"])
        interpreter.set_tensor(taken["index"], values)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return call


def keras(model: str) -> Call:
    """The Keras model's own predict, as tutorials call it."""
    loaded = import_module("keras").models.load_model(model, compile=False)
    return lambda digit: loaded.predict(digit[np.newaxis], verbose=0)


# tensorflow.lite is found in TensorFlow alone: importing it by name gives another.
_MODULES = {
    "tflite-runtime": "tflite_runtime.interpreter:Interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter:Interpreter",
    "tensorflow": "tensorflow:lite:Interpreter",
}


def main() -> None:
    """Reads the digits, the first some of which do not count."""
    runtime, model, digits = sys.argv[1:]
    call = keras(model) if runtime == "keras" else tflite(_MODULES[runtime], model)
    times = []
    for digit in np.load(digits):
        started = time.perf_counter()
        call(digit)
        times.append(time.perf_counter() - started)
    print(1e6 * statistics.median(times[_WARM_UP:]))


if __name__ == "__main__":
    main()
