"""The least that reading a digit can take with a runtime: what the rest is measured against.

A floor does not look what is in a picture, checks no model, and knows of no failure.
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
taken, given = model.get_input_details()[0], model.get_output_details()[0]
ink = 255 - np.asarray(Image.open(sys.argv[2]).convert("L").resize((28, 28)))
scale, zero = taken["quantization"]; values = np.round(ink / (scale or 1) + zero)
if scale: values = values.clip(np.iinfo(taken["dtype"]).min, np.iinfo(taken["dtype"]).max)
model.set_tensor(taken["index"], values.astype(taken["dtype"]).reshape(taken["shape"]))
model.invoke()
print(model.get_tensor(given["index"]).argmax())
"""
"""A script as tutorials have it: grey, inverted, resized, run. The module is the runtime's."""


FOLDER_SCRIPT = """\
import sys, pathlib, numpy as np
from PIL import Image
from {module} import Interpreter
model = Interpreter(sys.argv[1]); model.allocate_tensors()
taken, given = model.get_input_details()[0], model.get_output_details()[0]
kind, (scale, zero) = np.iinfo(taken["dtype"]), taken["quantization"]
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.png")):
    ink = 255 - np.asarray(Image.open(path).convert("L").resize((28, 28)))
    values = np.round(ink / scale + zero).clip(kind.min, kind.max).astype(taken["dtype"])
    model.set_tensor(taken["index"], values.reshape(taken["shape"])); model.invoke()
    print(path, model.get_tensor(given["index"]).argmax())
"""
"""The same for every PNG of a folder, by a model in integers."""


def script_command(model: str | Path, picture: str | Path, *, script: str = SCRIPT) -> list[str]:
    """How the script is started.

    Args:
        model: a ``.tflite`` file.
        picture: an image file, or a folder of them.
        script: one of this module's.

    Raises:
        InvalidValue: numpy is the runtime in use, which has no floor.
    """
    return code_command(script.format(module=_module()), model, picture)


def bare_call(content: bytes) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Setting the input, running, reading the output, and nothing else.

    Args:
        content: the bytes of a ``.tflite`` file.

    Returns:
        From one digit, in the input's own type and shape (see ``as_input``), to its outputs.

    Raises:
        InvalidValue: numpy is the runtime in use, which has no floor.
    """
    _module()
    interpreter = import_runtime(selected_runtime()).Interpreter(model_content=content)
    interpreter.allocate_tensors()
    taken = interpreter.get_input_details()[0]["index"]
    given = interpreter.get_output_details()[0]["index"]

    def call(values: NDArray[Any]) -> NDArray[Any]:
        interpreter.set_tensor(taken, values)
        interpreter.invoke()
        outputs: NDArray[Any] = interpreter.get_tensor(given)
        return outputs

    return call


def as_input(digits: NDArray[np.uint8], spec: TensorSpec) -> NDArray[Any]:
    """Digits as a model of one digit a run takes them: ``(n, *shape)`` in its type.

    Args:
        digits: ``(n, 28, 28) uint8``.
        spec: of the model's input.
    """
    return quantize(digits, spec).reshape(len(digits), *spec.shape)


def _module() -> str:
    name = selected_runtime()
    if name == NUMPY:
        raise InvalidValue(
            "the floor is a bare loop over a TFLite runtime, and numpy is in use: install one, or "
            "leave --baseline out"
        )
    return RUNTIMES[name]
