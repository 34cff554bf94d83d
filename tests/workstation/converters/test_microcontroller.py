from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from converters import microcontroller
from converters.c_source import GoldenVectors
from converters.microcontroller import MicroRun
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, MissingDependency
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.interpreter import quantization_table, quantize
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training.frameworks import import_tensorflow

DEVICE_ROUNDS_OTHERWISE = 0.06
"""Share of digits with a logit that the device runtime's kernels round to the next step: measured
were 169 of the 5,000 validation digits, 38 of the first 1,000."""


def test_tflite_micro_gives_the_golden_outputs(golden: GoldenVectors, micro: MicroRun) -> None:
    assert np.array_equal(micro.outputs, golden.outputs)
    assert micro.outputs.dtype == np.int8
    assert micro.version.startswith("tflite-micro ")


@pytest.mark.slow
def test_tflite_micro_is_at_most_one_step_off_the_device_runtime(
    stored: loading.StoredModel, micro: MicroRun, small_mnist: Mnist
) -> None:
    images = small_mnist.validation.images
    trial = run_sandboxed(stored.content, images, name="nano")
    inputs = quantization_table(trial.input)[images].reshape(len(images), -1)
    found = microcontroller.run(stored.content, inputs).outputs.astype(int)
    device = quantize(trial.logits, trial.output).astype(int)
    off = np.abs(found - device)
    assert off.max() <= 1
    assert off.any(axis=1).mean() <= DEVICE_ROUNDS_OTHERWISE
    assert np.array_equal(found.argmax(axis=1), device.argmax(axis=1))


def test_the_arena_is_the_smallest_that_works(nano: Path, micro: MicroRun) -> None:
    def loads(arena: int) -> bool:
        load = (
            "import sys; from tflite_micro import runtime; "
            "runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))"
        )
        command = [sys.executable, "-c", load, str(nano / "int8.tflite"), str(arena)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "failed to allocate tensors" in done.stderr
        return done.returncode == 0

    assert micro.arena_bytes % 16 == 0
    assert loads(micro.arena_bytes)
    assert not loads(micro.arena_bytes - 16)


def test_an_operator_that_tflite_micro_lacks_is_named(
    stored: loading.StoredModel, golden: GoldenVectors, micro: MicroRun
) -> None:
    import_tensorflow()
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(stored.content))
    (pooling,) = (
        code for code in model.operatorCodes if code.builtinCode == BuiltinOperator.MAX_POOL_2D
    )
    # 127 in the old field means that the operator code is in the new one.
    pooling.builtinCode, pooling.deprecatedBuiltinCode = BuiltinOperator.GELU, 127
    lacking = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ConversionError, match="GELU") as caught:
        microcontroller.run(lacking, golden.inputs)
    assert "\n" not in str(caught.value)


def test_a_model_that_tflite_micro_cannot_run_is_an_error_of_one_line(
    nano: Path, golden: GoldenVectors, micro: MicroRun
) -> None:
    for content in (b"", b"not a model" * 100, (nano / "float32.tflite").read_bytes()):
        with pytest.raises(ConversionError, match="cannot run the model") as caught:
            microcontroller.run(content, golden.inputs)
        assert "\n" not in str(caught.value)


def test_a_missing_tflite_micro_is_named_with_the_line_that_installs_it(
    stored: loading.StoredModel,
    golden: GoldenVectors,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tflite_micro.py").write_text("raise ModuleNotFoundError('no tflite_micro')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="pip install tflite-micro"):
        microcontroller.run(stored.content, golden.inputs)
