from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from converters import c_source, microcontroller
from converters.c_source import GoldenVectors
from converters.microcontroller import MicroRun
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, InvalidValue, MissingDependency
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.runtimes.interpreter import quantization_table, quantize
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training.frameworks import import_tensorflow

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
DIALECTS = [
    (compiler, language, standard)
    for c, cpp in (("cc", "c++"), ("clang", "clang++"))
    for compiler, language, standards in (
        (c, "c", ("c99", "c11", "c17")),
        (cpp, "c++", ("c++11", "c++17")),
    )
    for standard in standards
]
DEVICE_ROUNDS_OTHERWISE = 0.06
"""Share of digits with a logit that the device runtime's kernels round to the next step: measured
were 169 of the 5,000 validation digits, 38 of the first 1,000."""

PROGRAM = r"""
#include "model.h"
#include <stdio.h>

int main(void) {
  int label;
  fwrite(mnist_edge_model, 1, sizeof mnist_edge_model, stdout);
  fwrite(mnist_edge_golden_inputs, 1, sizeof mnist_edge_golden_inputs, stdout);
  fwrite(mnist_edge_golden_outputs, 1, sizeof mnist_edge_golden_outputs, stdout);
  fprintf(stderr, "%d %d %d %d\n", MNIST_EDGE_MODEL_BYTES, MNIST_EDGE_INPUT_SIZE,
          MNIST_EDGE_OUTPUT_SIZE, MNIST_EDGE_GOLDEN_COUNT);
  fprintf(stderr, "%.17g %d %.17g %d\n", (double)MNIST_EDGE_INPUT_SCALE,
          MNIST_EDGE_INPUT_ZERO_POINT, (double)MNIST_EDGE_OUTPUT_SCALE,
          MNIST_EDGE_OUTPUT_ZERO_POINT);
  for (label = 0; label < MNIST_EDGE_OUTPUT_SIZE; ++label)
    fprintf(stderr, "%s", mnist_edge_labels[label]);
  return 0;
}
"""


@pytest.fixture(scope="module")
def stored(nano: Path) -> loading.StoredModel:
    return loading.load_model(nano / "int8.tflite")


@pytest.fixture(scope="module")
def manifest(stored: loading.StoredModel) -> ModelManifest:
    assert stored.manifest is not None
    return stored.manifest


@pytest.fixture(scope="module")
def golden(stored: loading.StoredModel, mnist: Mnist) -> GoldenVectors:
    return c_source.golden_vectors(stored.content, mnist.validation)


@pytest.fixture(scope="module")
def micro(stored: loading.StoredModel, golden: GoldenVectors) -> MicroRun:
    # Asked for without importing it: it, TensorFlow and tflite-runtime are not for one process.
    if find_spec("tflite_micro") is None:
        pytest.skip("tflite-micro is not installed")
    return microcontroller.run(stored.content, golden.inputs)


def _compile(folder: Path, compiler: str, *arguments: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"this machine has no {compiler}")
    done = subprocess.run(
        [compiler, *WARNINGS, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")


def _require_the_program_to_print_the_model(
    program: Path, content: bytes, manifest: ModelManifest, golden: GoldenVectors
) -> None:
    printed = subprocess.run([program], capture_output=True, check=True)
    assert printed.stdout == content + golden.inputs.tobytes() + golden.outputs.tobytes()
    sizes, ends, labels = printed.stderr.decode().splitlines()
    assert sizes == f"{len(content)} 784 10 10"
    taken, given = manifest.input, manifest.output
    found = [float(number) for number in ends.split()]
    assert found == [taken.scale, taken.zero_point, given.scale, given.zero_point]
    assert labels == "0123456789"


@pytest.mark.parametrize(("compiler", "language", "standard"), DIALECTS)
def test_the_c_source_compiles_without_a_warning_and_holds_the_model(
    compiler: str,
    language: str,
    standard: str,
    stored: loading.StoredModel,
    manifest: ModelManifest,
    golden: GoldenVectors,
    tmp_path: Path,
) -> None:
    _write(tmp_path, c_source.c_source(stored.content, manifest, golden))
    _write(tmp_path, {"main.c": PROGRAM})
    # Compilers align large arrays unasked: what counts is the alignment that was declared.
    aligned = "extern const char aligned[__alignof__(mnist_edge_model) >= 16 ? 1 : -1];"
    _write(tmp_path, {"aligned.c": f'#include "model.c"\n{aligned}\n'})
    dialect = (f"-std={standard}", "-x", language)
    _compile(tmp_path, compiler, *dialect, "-c", "aligned.c")
    _compile(tmp_path, compiler, *dialect, "model.c", "main.c", "-o", "program")
    _require_the_program_to_print_the_model(tmp_path / "program", stored.content, manifest, golden)


def test_a_c_plus_plus_program_links_with_the_model_compiled_as_c(
    stored: loading.StoredModel, manifest: ModelManifest, golden: GoldenVectors, tmp_path: Path
) -> None:
    _write(tmp_path, c_source.c_source(stored.content, manifest, golden))
    _write(tmp_path, {"main.cpp": PROGRAM})
    _compile(tmp_path, "cc", "-std=c99", "-c", "model.c")
    _compile(tmp_path, "c++", "-std=c++11", "main.cpp", "model.o", "-o", "program")
    _require_the_program_to_print_the_model(tmp_path / "program", stored.content, manifest, golden)


def test_scales_survive_the_way_through_c(
    stored: loading.StoredModel, manifest: ModelManifest, golden: GoldenVectors, tmp_path: Path
) -> None:
    scales = [float(np.float32(scale)) for scale in (1 / 255, 1e-30, 1 / 3, 7e20, 16_777_217)]
    for scale in scales:
        scaled = replace(manifest, output=replace(manifest.output, scale=scale))
        _write(tmp_path, c_source.c_source(stored.content, scaled, golden))
        _write(tmp_path, {"main.c": PROGRAM})
        _compile(tmp_path, "cc", "-std=c99", "model.c", "main.c", "-o", "program")
        _require_the_program_to_print_the_model(
            tmp_path / "program", stored.content, scaled, golden
        )


def test_the_text_is_of_the_model_alone_and_fits_in_a_hundred_columns(
    stored: loading.StoredModel, manifest: ModelManifest, golden: GoldenVectors, mnist: Mnist
) -> None:
    files = c_source.c_source(stored.content, manifest, golden)
    again = c_source.golden_vectors(stored.content, mnist.validation)
    assert c_source.c_source(stored.content, manifest, again) == files
    assert list(files) == ["model.h", "model.c"]
    for text in files.values():
        assert manifest.sha256 in text
        assert f"{manifest.recipe}, {manifest.scheme}," in text
        assert max(map(len, text.splitlines())) <= 100
    assert "#define MNIST_EDGE_ARENA_BYTES" not in files["model.h"]


def test_a_name_that_would_end_the_comment_does_not(
    stored: loading.StoredModel, manifest: ModelManifest, golden: GoldenVectors, tmp_path: Path
) -> None:
    named = replace(manifest, recipe="*/ é /* ??/\n.keras")
    _write(tmp_path, c_source.c_source(stored.content, named, golden))
    _compile(tmp_path, "cc", "-std=c99", "-c", "model.c")


def test_golden_vectors_are_the_first_digit_of_each_label_as_the_runtime_reads_it(
    stored: loading.StoredModel, golden: GoldenVectors, mnist: Mnist
) -> None:
    assert golden.inputs.dtype == golden.outputs.dtype == np.int8
    labels = list(mnist.validation.labels)
    images = mnist.validation.images[[labels.index(digit) for digit in range(10)]]
    trial = run_sandboxed(stored.content, images, name="nano")
    inputs = quantization_table(trial.input)[images].reshape(10, -1)
    assert np.array_equal(golden.inputs, inputs)
    assert np.array_equal(golden.outputs, quantize(trial.logits, trial.output))
    assert golden.outputs.argmax(axis=1).tolist() == list(range(10))


def test_golden_vectors_want_a_digit_of_each_label(
    stored: loading.StoredModel, mnist: Mnist
) -> None:
    lacking = mnist.validation.take(np.flatnonzero(mnist.validation.labels != 4))
    with pytest.raises(InvalidValue, match="a digit of each label"):
        c_source.golden_vectors(stored.content, lacking)


@pytest.mark.parametrize("scheme", ["float32", "int16x8"])
def test_a_model_that_is_not_int8_at_both_ends_is_refused(
    scheme: str, nano: Path, golden: GoldenVectors, mnist: Mnist
) -> None:
    other = loading.load_model(nano / f"{scheme}.tflite")
    assert other.manifest is not None
    with pytest.raises(ConversionError, match="--quantize int8 --emit c") as caught:
        c_source.golden_vectors(other.content, mnist.validation)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConversionError, match="--quantize int8 --emit c"):
        c_source.c_source(other.content, other.manifest, golden)


def test_a_microcontroller_gives_the_golden_outputs(golden: GoldenVectors, micro: MicroRun) -> None:
    assert np.array_equal(micro.outputs, golden.outputs)
    assert micro.outputs.dtype == np.int8
    assert micro.version.startswith("tflite-micro ")


def test_a_microcontroller_is_never_more_than_a_step_off_the_device_runtime(
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


def test_the_arena_is_what_the_model_needs_and_no_more(nano: Path, micro: MicroRun) -> None:
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


def test_the_c_source_tells_the_arena_and_the_outputs_of_a_microcontroller(
    stored: loading.StoredModel,
    manifest: ModelManifest,
    golden: GoldenVectors,
    micro: MicroRun,
    tmp_path: Path,
) -> None:
    # The outputs of a port are those of its own kernels, should they round otherwise.
    rounded = replace(micro, outputs=micro.outputs - np.eye(10, dtype=np.int8))
    files = c_source.c_source(stored.content, manifest, golden, micro=rounded)
    assert f"#define MNIST_EDGE_ARENA_BYTES {micro.arena_bytes}\n" in files["model.h"]
    assert max(map(len, files["model.h"].splitlines())) <= 100
    _write(tmp_path, files)
    _write(tmp_path, {"main.c": PROGRAM})
    _compile(tmp_path, "cc", "-std=c99", "model.c", "main.c", "-o", "program")
    expected = GoldenVectors(inputs=golden.inputs, outputs=rounded.outputs)
    _require_the_program_to_print_the_model(
        tmp_path / "program", stored.content, manifest, expected
    )


def test_an_operator_that_a_microcontroller_lacks_is_named(
    stored: loading.StoredModel, golden: GoldenVectors, micro: MicroRun
) -> None:
    import_tensorflow()
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(stored.content))
    (pooling,) = (
        code for code in model.operatorCodes if code.builtinCode == BuiltinOperator.MAX_POOL_2D
    )
    # 127 tells a reader that the operator is one of the newer, beyond what a byte holds.
    pooling.builtinCode, pooling.deprecatedBuiltinCode = BuiltinOperator.GELU, 127
    lacking = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ConversionError, match="GELU") as caught:
        microcontroller.run(lacking, golden.inputs)
    assert "\n" not in str(caught.value)


def test_what_a_microcontroller_cannot_run_is_an_error_of_one_line(
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
