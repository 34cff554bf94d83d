"""Runs a model over inputs one at a time, and over all at once with its input resized to hold them.

``python run_resized.py MODEL INPUTS.npy OUTPUTS.npz`` leaves ``single`` and ``batch``, ``(n, 10)``
each, in the output tensor's own type. It takes tflite-runtime, and ai-edge-litert where that is
not installed.
"""

from __future__ import annotations

import sys
from importlib import import_module, util
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL, INPUTS, OUTPUTS = sys.argv[1:]
native: Any = import_module(
    "tflite_runtime.interpreter"
    if util.find_spec("tflite_runtime")
    else "ai_edge_litert.interpreter"
)


def answers(inputs: NDArray[Any], batch: int) -> NDArray[Any]:
    """The answers to inputs, so many at a time."""
    interpreter = native.Interpreter(MODEL)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], (batch, *taken["shape"][1:]), strict=False)
    interpreter.allocate_tensors()
    outputs = []
    for start in range(0, len(inputs), batch):
        interpreter.set_tensor(taken["index"], inputs[start : start + batch])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(given["index"]))
    return np.concatenate(outputs)


values = np.load(INPUTS)
np.savez(OUTPUTS, single=answers(values, 1), batch=answers(values, len(values)))
