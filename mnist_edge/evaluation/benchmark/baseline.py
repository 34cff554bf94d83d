"""The minimum that reading a digit with a runtime can cost, for comparison.

The baseline does not look for a digit in a picture, verifies no model, and handles no error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidValue
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.backends import import_runtime
from mnist_edge.runtimes.interpreter import quantize
from mnist_edge.runtimes.selection import NUMPY, RUNTIMES, selected_runtime
from mnist_edge.system.subprocesses import code_command

SCRIPT = """\
import sys, numpy as np
from PIL import Image
from {module} import Interpreter
model = Interpreter(sys.argv[1]); model.allocate_tensors()
input, output = model.get_input_details()[0], model.get_output_details()[0]
ink = 255 - np.asarray(Image.open(sys.argv[2]).convert("L").resize((28, 28)))
scale, zero = input["quantization"]; values = np.round(ink / (scale or 1) + zero)
if scale: values = values.clip(np.iinfo(input["dtype"]).min, np.iinfo(input["dtype"]).max)
model.set_tensor(input["index"], values.astype(input["dtype"]).reshape(input["shape"]))
model.invoke()
print(model.get_tensor(output["index"]).argmax())
"""
"""The usual script of a tutorial: convert to gray, invert, resize, run; ``module`` is the
runtime's."""


def script_argv(model: str | Path, picture: str | Path) -> list[str]:
    """Return the command that runs the script.

    Args:
        model: a ``.tflite`` file.
        picture: an image file.

    Raises:
        InvalidValue: the selected runtime is numpy, which has no baseline.
    """
    return code_command(SCRIPT.format(module=runtime_module()), model, picture)


def runtime_module() -> str:
    """Return the name of the module that has the selected runtime's ``Interpreter``.

    Raises:
        InvalidValue: the selected runtime is numpy, which has no baseline.
    """
    name = selected_runtime()
    if name == NUMPY:
        raise InvalidValue(
            "the baseline is a bare loop over a TFLite runtime, but the selected runtime is numpy; "
            "install a TFLite runtime, or leave out --baseline"
        )
    return RUNTIMES[name]


def bare_call(content: bytes) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Return a function that only sets the input, invokes the model and reads the output.

    Args:
        content: the bytes of a ``.tflite`` file.

    Returns:
        A function from one digit in the input's dtype and shape (see ``as_input``) to the output.

    Raises:
        InvalidValue: the selected runtime is numpy, which has no baseline.
    """
    runtime_module()
    interpreter = import_runtime(selected_runtime()).Interpreter(model_content=content)
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]
    output_index = interpreter.get_output_details()[0]["index"]

    def call(values: NDArray[Any]) -> NDArray[Any]:
        interpreter.set_tensor(input_index, values)
        interpreter.invoke()
        outputs: NDArray[Any] = interpreter.get_tensor(output_index)
        return outputs

    return call


def as_input(digits: NDArray[np.uint8], spec: TensorSpec) -> NDArray[Any]:
    """Quantize digits for a model with a batch of one: ``(n, *shape)`` in the input's dtype.

    Args:
        digits: ``(n, 28, 28) uint8``.
        spec: the model's input.
    """
    return quantize(digits, spec).reshape(len(digits), *spec.shape)
