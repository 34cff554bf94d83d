from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.c.source import CSource, generate
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import ConversionError, InvalidModel, InvalidValue
from mnist_edge.modelstore.loading import StoredModel, load_model
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.runtimes.golden import decode_golden, encode_golden
from tests.support.c_programs import (
    SANITIZERS,
    assert_equal_in_c,
    compile_c,
    logits_in_c,
    manifest_for,
    require_tool,
    write_source,
)
from tests.support.paths import ROOT, TINY

SHIPPED = sorted(path.parent.name for path in (ROOT / "models").glob("*/int8.tflite"))
TINY_NAMES = [
    *(f"operators-{name}" for name in ("added", "depthwise", "kept", "maximum", "mean", "padded")),
    *("quadrants-int8", "quadrants-uint8", "regression-int8", "regression-rgb"),
    *("regression-uint8", "zero"),
]
DIALECTS = [
    ("cc", "-std=c99"),
    ("clang", "-std=c99"),
    ("clang", "-std=c17"),
    ("c++", "-xc++", "-std=c++11"),
    ("clang++", "-xc++", "-std=c++17"),
]
MEMORY = {"nano": 1_651, "edge": 3_920}
"""Bytes of a workspace with its input; without sharing it would be 2,352 and more."""


def stored_model(name: str) -> tuple[StoredModel, ModelManifest]:
    stored = load_model(ROOT / "models" / name)
    assert stored.manifest is not None
    return stored, stored.manifest


@pytest.fixture(scope="module")
def nano_source() -> CSource:
    return generate(stored_model("nano")[0].content, stored_model("nano")[1])


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_every_logit_of_every_test_digit_is_the_runtimes(
    name: str, test_digits: Digits, tmp_path: Path
) -> None:
    pytest.importorskip("tflite_runtime")
    stored, manifest = stored_model(name)
    assert len(test_digits.images) == 10_000
    assert_equal_in_c(
        tmp_path, stored.content, manifest, test_digits.images, "-O3", "-march=native"
    )


def test_nano_in_c_gives_the_runtimes_logits(test_digits: Digits, tmp_path: Path) -> None:
    pytest.importorskip("tflite_runtime")
    stored, manifest = stored_model("nano")
    digits = np.concatenate([test_digits.images[:100], noise(20)])
    assert_equal_in_c(tmp_path, stored.content, manifest, digits)


@pytest.mark.parametrize("name", TINY_NAMES)
@pytest.mark.slow
def test_every_operator_gives_the_runtimes_integers_and_reads_nothing_out_of_bounds(
    name: str, test_digits: Digits, tmp_path: Path
) -> None:
    pytest.importorskip("tflite_runtime")
    content = (TINY / f"{name}.tflite").read_bytes()
    digits = np.concatenate([test_digits.images[:60], noise(30)])
    manifest = manifest_for(content)
    assert_equal_in_c(tmp_path, content, manifest, digits, "-O1", *SANITIZERS)


@pytest.mark.parametrize("dialect", DIALECTS, ids=" ".join)
def test_the_c_of_nano_compiles_without_a_warning(
    dialect: tuple[str, ...], nano_source: CSource, tmp_path: Path
) -> None:
    write_source(tmp_path, nano_source)
    compiler, *flags = dialect
    names = [name for name in nano_source.files if name.endswith(".c")]
    compile_c(tmp_path, compiler, *flags, "-c", *names)


@pytest.mark.parametrize("name", ["operators-depthwise", "operators-maximum", "operators-padded"])
def test_every_kernel_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tflite_runtime")
    content = (TINY / f"{name}.tflite").read_bytes()
    source = generate(content, manifest_for(content))
    write_source(tmp_path, source)
    for compiler, *flags in DIALECTS[1:4]:
        compile_c(tmp_path, compiler, *flags, "-c", "tiny.c", "tiny_read.c")


@pytest.mark.slow
def test_static_analyzers_find_nothing(nano_source: CSource, tmp_path: Path) -> None:
    write_source(tmp_path, nano_source)
    names = [name for name in nano_source.files if name.endswith(".c")]
    compile_c(tmp_path, "cc", "-std=c99", "-fanalyzer", "-c", *names)
    require_tool("cppcheck")
    words = ["cppcheck", "--enable=warning,portability,performance", "--std=c99", "--quiet"]
    done = subprocess.run(
        [*words, "--error-exitcode=1", *names],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_model_gives_the_same_text_in_a_hundred_columns_of_ascii(
    nano_source: CSource,
) -> None:
    stored, manifest = stored_model("nano")
    assert generate(stored.content, manifest).files == nano_source.files
    assert list(nano_source.files) == ["nano.h", "nano.c", "nano_read.c", "nano_self_test.c"]
    for text in nano_source.files.values():
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 100
        assert "@" not in text
        assert manifest.sha256[:16] in text
    assert (
        "/* 2: CONV_2D and MAX_POOL_2D, 14 x 14 x 8 to 7 x 7 x 16 */" in nano_source.files["nano.c"]
    )


def test_only_the_kernels_of_the_model_are_in_it(nano_source: CSource) -> None:
    text = nano_source.files["nano.c"]
    assert "static void conv(" in text
    assert "static void mean(" in text
    for absent in ("depthwise(", "max_pool(", "softmax(", "lookup(", "pad(", " add(", "levels"):
        assert absent not in text
    for library in ("malloc", "float", "double", "string.h", "math.h"):
        assert library not in text


@pytest.mark.parametrize("name", MEMORY)
def test_buffers_overlap(name: str) -> None:
    stored, manifest = stored_model(name)
    assert generate(stored.content, manifest).workspace == MEMORY[name]


TWO = """
#include "nano.h"
#include "other.h"

int main(void)
{
    static nano_workspace one;
    static other_workspace two;
    return nano_self_test(&one) + other_self_test(&two);
}
"""


def test_two_models_live_in_one_program_of_c_plus_plus(
    nano_source: CSource, tmp_path: Path
) -> None:
    stored, manifest = stored_model("cnn")
    other = generate(stored.content, manifest, prefix="other")
    write_source(tmp_path, nano_source)
    write_source(tmp_path, other)
    (tmp_path / "main.cpp").write_text(TWO, encoding="ascii")
    names = [name for source in (nano_source, other) for name in source.files if name[-1] == "c"]
    compile_c(tmp_path, "cc", "-std=c99", "-c", *names)
    objects = [name.replace(".c", ".o") for name in names]
    compile_c(tmp_path, "c++", "-std=c++11", "main.cpp", *objects, "-o", "program")
    assert subprocess.run([tmp_path / "program"], check=False).returncode == 0


CHECKS = """
#include "PREFIX.h"
#include <stddef.h>

int main(void)
{
    static PREFIX_workspace workspace;
    int8_t logits[10], again[10];
    uint8_t *input = PREFIX_input(&workspace);
    int i, wrong = 0;
    wrong += PREFIX_run(NULL, input, logits) != -1;
    wrong += PREFIX_run(&workspace, NULL, logits) != -1;
    wrong += PREFIX_run(&workspace, input, NULL) != -1;
    wrong += PREFIX_input(NULL) != NULL;
    static uint8_t pixels[784];
    for (i = 0; i < 784; ++i) {
        pixels[i] = (uint8_t)(i * 7);
        input[i] = pixels[i];
    }
    /* Pixels in the workspace give the same as others. */
    wrong += PREFIX_run(&workspace, input, logits) != 0;
    wrong += PREFIX_run(&workspace, pixels, again) != 0;
    for (i = 0; i < 10; ++i) {
        wrong += logits[i] != again[i];
    }
    return wrong;
}
"""


@pytest.mark.parametrize("name", ["nano", "regression-rgb"])
def test_null_pointers_are_refused_and_pixels_may_lie_in_the_workspace(
    name: str, nano_source: CSource, tmp_path: Path
) -> None:
    source = nano_source
    if name != "nano":
        pytest.importorskip("tflite_runtime")
        content = (TINY / f"{name}.tflite").read_bytes()
        source = generate(content, manifest_for(content))
    checks = CHECKS if name == "nano" else CHECKS.replace("int8_t logits", "uint8_t logits")
    write_source(
        tmp_path,
        source,
        main=checks.replace("    static uint8_t pixels", "    static uint8_t pixels"),
    )
    compile_c(
        tmp_path, "cc", "-std=c99", "-O1", *SANITIZERS,
        f"{source.prefix}.c", "main.c", "-o", "program",
    )  # fmt: skip
    assert subprocess.run([tmp_path / "program"], check=False).returncode == 0


def test_a_self_test_notices_a_wrong_weight(nano_source: CSource, tmp_path: Path) -> None:
    text = nano_source.files["nano.c"]
    place = text.index("weights_1[")
    digit = next(i for i in range(place + 20, len(text)) if text[i] in "345678")
    damaged = replace(
        nano_source,
        files={
            **nano_source.files,
            "nano.c": text[:digit] + str(int(text[digit]) - 1) + text[digit + 1 :],
        },
    )
    with pytest.raises(AssertionError):
        logits_in_c(tmp_path, damaged, noise(1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("operators-float", "an input of float32"),
        ("quadrants-int16", "an input of int16"),
        ("quadrants-float32", "an input of float32"),
        ("custom", "an input of float32"),
        ("pair", "1 inputs and 2 outputs"),
    ],
)
def test_a_model_that_is_not_generated_is_refused_by_name(name: str, reason: str) -> None:
    content = (TINY / f"{name}.tflite").read_bytes()
    with pytest.raises(ConversionError, match=f"no C is generated for {reason}") as refused:
        generate(content, stored_model("nano")[1])
    assert "\n" not in str(refused.value)


def test_a_damaged_model_is_refused() -> None:
    stored, manifest = stored_model("nano")
    with pytest.raises(InvalidModel):
        generate(stored.content[:3_000], manifest)


def test_a_manifest_without_golden_vectors_is_refused() -> None:
    stored, manifest = stored_model("nano")
    with pytest.raises(ConversionError, match="convert the model again"):
        generate(stored.content, replace(manifest, golden=None))


@pytest.mark.parametrize("name", ["nano", "regression-rgb"])
def test_golden_outputs_of_another_runtime_are_computed_anew(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tflite_runtime")
    if name == "nano":
        stored, manifest = stored_model(name)
        content = stored.content
    else:
        content = (TINY / f"{name}.tflite").read_bytes()
        manifest = manifest_for(content)
    assert manifest.golden is not None
    inputs, outputs = decode_golden(manifest.golden, manifest.output, name=name)
    wrong = np.invert(outputs.astype(manifest.output.dtype))
    off = encode_golden(inputs, wrong, runtime="ai-edge-litert 2.3.0", tolerance=10)
    expected = generate(content, manifest).files
    assert generate(content, replace(manifest, golden=off)).files == expected


def test_golden_outputs_that_cannot_be_computed_here_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("tflite_runtime")
    content = (TINY / "operators-added.tflite").read_bytes()
    manifest = manifest_for(content)
    assert manifest.golden is not None
    other = replace(manifest.golden, runtime="ai-edge-litert 2.3.0")
    with pytest.raises(ConversionError, match="where tflite-runtime is installed"):
        generate(content, replace(manifest, golden=other))


@pytest.mark.parametrize("prefix", ["", "Nano", "9lives", "a-b", "a" * 32, "x;y"])
def test_a_prefix_that_is_not_a_name_is_refused(prefix: str) -> None:
    stored, manifest = stored_model("nano")
    with pytest.raises(InvalidValue, match="cannot begin a name in C"):
        generate(stored.content, manifest, prefix=prefix)


@pytest.mark.parametrize(
    ("recipe", "prefix"),
    [
        ("mlp-ema", "mlp_ema"),
        ("My Model.keras", "my_model"),
        ("7.h5", "model_7"),
        ("\u00e9 */ x", "x"),
        ("main", "main_model"),
        ("", "model"),
        ("a" * 90, "a" * 31),
    ],
)
def test_names_begin_with_the_recipe(recipe: str, prefix: str, tmp_path: Path) -> None:
    stored, manifest = stored_model("nano")
    source = generate(stored.content, replace(manifest, recipe=recipe))
    assert source.prefix == prefix
    write_source(tmp_path, source)
    compile_c(tmp_path, "cc", "-std=c99", "-c", f"{prefix}.c")
