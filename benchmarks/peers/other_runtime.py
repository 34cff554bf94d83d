"""Read digits with one runtime, in a process of its own that ``other_runtimes.py`` starts.

    python -m benchmarks.peers.other_runtime RUNTIME MODEL DIGITS.npy CORES

Prints JSON: the median seconds per digit, one by one; the seconds for all digits in the quicker of
a loop and a batch; and the digits it read. Runs in the peers' environment as well, which has
nothing of this project; the runtime ``mnist-edge`` is this project's own ``Classifier`` there.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial, reduce
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Call = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""From ``(n, 28, 28)`` digits to ``(n, 10)`` outputs."""
_WARM_UP, _ONE_BY_ONE = 20, 120


def tflite(module: str, model: str, *, batch: int, threads: int) -> Call:
    """Return a call of a TFLite interpreter: set the input, run, read the output."""
    package, *attributes = module.split(":")
    interpreter_class: Any = reduce(getattr, attributes, cast("Any", import_module(package)))
    interpreter = interpreter_class(model_path=model, num_threads=threads)
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = (batch, *taken["shape"][1:])
    interpreter.resize_tensor_input(taken["index"], shape)
    interpreter.allocate_tensors()
    scale, zero = taken["quantization"]

    def call(digits: NDArray[np.uint8]) -> NDArray[Any]:
        values = (np.round(digits / scale) + zero).astype(taken["dtype"]).reshape(shape)
        interpreter.set_tensor(taken["index"], values)
        interpreter.invoke()
        outputs: NDArray[Any] = interpreter.get_tensor(given["index"])
        return outputs

    return call


def classifier(model: str, *, threads: int) -> Call:
    """Return a call of this project's own classifier, which returns predictions."""
    made = import_module("mnist_edge").Classifier(model, threads=threads)
    return lambda digits: cast("NDArray[Any]", made.predict_pixels(digits))


def keras(model: str) -> Call:
    """Return the Keras model's own predict, as tutorials call it."""
    loaded = import_module("keras").models.load_model(model, compile=False)
    return lambda digits: cast("NDArray[Any]", loaded.predict(digits, verbose=0))


def onnxruntime(model: str, *, threads: int) -> Call:
    """Return a call of an ONNX inference session, which takes plain pixels."""
    module = import_module("onnxruntime")
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    session = module.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda digits: cast("NDArray[Any]", session.run(None, {name: digits[:, np.newaxis]})[0])


# tensorflow.lite is found in TensorFlow alone: importing it by name gives another.
_MODULES = {
    "tflite-runtime": "tflite_runtime.interpreter:Interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter:Interpreter",
    "tensorflow": "tensorflow:lite:Interpreter",
}


def ways(runtime: str, model: str, *, digits: int, cores: int) -> tuple[Call, Call]:
    """Return a call for one digit on one thread, and one for all digits on all cores.

    Keras chooses its threads by itself.
    """
    if runtime == "keras":
        call = keras(model)
        return call, call
    if runtime == "mnist-edge":
        return classifier(model, threads=1), classifier(model, threads=cores)
    if runtime == "onnxruntime":
        return onnxruntime(model, threads=1), onnxruntime(model, threads=cores)
    module = _MODULES[runtime]
    return (
        tflite(module, model, batch=1, threads=1),
        tflite(module, model, batch=digits, threads=cores),
    )


def main() -> None:
    """Read the digits; the first few do not count."""
    runtime, model, path, cores = sys.argv[1:]
    digits = np.load(path)
    one, together = ways(runtime, model, digits=len(digits), cores=int(cores))
    times = [_timed(partial(one, digit[np.newaxis])) for digit in digits[:_ONE_BY_ONE]]
    median = statistics.median(times[_WARM_UP:])
    together(digits)
    batch = min(_timed(lambda: together(digits)) for _ in range(2))
    # Where one by one cannot be the quicker way there is no need to wait for it.
    if median * len(digits) < 2 * batch:
        batch = min(batch, _timed(lambda: [one(digit[np.newaxis]) for digit in digits]))
    outputs: Any = together(digits)
    if runtime == "mnist-edge":
        outputs = np.array([prediction.probabilities for prediction in outputs])
    found = {"one": median, "all": batch, "digits": outputs.argmax(axis=1).tolist()}
    print(json.dumps(found))


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
