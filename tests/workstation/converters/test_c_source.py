from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from converters import c_source
from converters.c_source import GoldenVectors
from converters.microcontroller import MicroRun
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, InvalidValue
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.runtimes.interpreter import quantization_table, quantize
from mnist_edge.runtimes.sandbox import run_sandboxed

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
    input_spec, output_spec = manifest.input, manifest.output
    found = [float(number) for number in ends.split()]
    assert found == [
        input_spec.scale,
        input_spec.zero_point,
        output_spec.scale,
        output_spec.zero_point,
    ]
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


def test_scales_are_exact_in_c(
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


def test_the_source_is_deterministic_and_at_most_100_columns_wide(
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


def test_a_name_cannot_end_the_comment(
    stored: loading.StoredModel, manifest: ModelManifest, golden: GoldenVectors, tmp_path: Path
) -> None:
    named = replace(manifest, recipe="*/ é /* ??/\n.keras")
    _write(tmp_path, c_source.c_source(stored.content, named, golden))
    _compile(tmp_path, "cc", "-std=c99", "-c", "model.c")


def test_golden_vectors_are_the_first_digit_of_each_label(
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


def test_golden_vectors_need_a_digit_of_each_label(
    stored: loading.StoredModel, mnist: Mnist
) -> None:
    lacking = mnist.validation.take(np.flatnonzero(mnist.validation.labels != 4))
    with pytest.raises(InvalidValue, match="a digit of each label"):
        c_source.golden_vectors(stored.content, lacking)


@pytest.mark.parametrize("scheme", ["float32", "int16x8"])
def test_a_model_without_int8_input_and_output_is_refused(
    scheme: str, nano: Path, golden: GoldenVectors, mnist: Mnist
) -> None:
    other = loading.load_model(nano / f"{scheme}.tflite")
    assert other.manifest is not None
    with pytest.raises(ConversionError, match="--quantize int8 --emit c") as caught:
        c_source.golden_vectors(other.content, mnist.validation)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConversionError, match="--quantize int8 --emit c"):
        c_source.c_source(other.content, other.manifest, golden)


def test_the_c_source_has_the_microcontrollers_arena_and_outputs(
    stored: loading.StoredModel,
    manifest: ModelManifest,
    golden: GoldenVectors,
    micro: MicroRun,
    tmp_path: Path,
) -> None:
    # A port's golden outputs are those of its own kernels, which can round differently.
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
