"""Generated C: compiled, run on digits, and compared with the runtime."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.c.source import CSource, generate
from converters.golden_inputs import golden_inputs
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.modelstore.loading import load_model
from mnist_edge.modelstore.manifest import ModelManifest, TensorSpec
from mnist_edge.runtimes.golden import encode_golden
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.numpy_backend.model_graph import parse_graph
from mnist_edge.runtimes.selection import using_runtime
from tests.support.paths import NANO

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

RUN = r"""
#include "PREFIX.h"
#include <stdio.h>

/* Runs the network on the digits of standard input. */
int main(void)
{
    static PREFIX_workspace workspace;
    uint8_t pixels[PREFIX_PIXELS];
    LOGIT logits[PREFIX_CLASSES];
    if (PREFIX_self_test(&workspace) != 0) {
        return 1;
    }
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        if (PREFIX_run(&workspace, pixels, logits) != PREFIX_OK) {
            return 2;
        }
        fwrite(logits, 1, sizeof logits, stdout);
    }
    return 0;
}
"""


def require_tool(name: str) -> None:
    """Skip the test where a program is absent."""
    if shutil.which(name) is None:
        pytest.skip(f"this machine has no {name}")


def write_source(folder: Path, source: CSource, **programs: str) -> None:
    """Write a model, and programs in which PREFIX stands for its prefix."""
    dtype = "uint8_t" if "const uint8_t *logits" in source.files[f"{source.prefix}.h"] else "int8_t"
    files = {**source.files, **{f"{name}.c": text for name, text in programs.items()}}
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        # PREFIX_OK is a constant, PREFIX_run a function.
        for constant in ("PIXELS", "CLASSES", "OK"):
            text = text.replace(f"PREFIX_{constant}", f"{source.prefix.upper()}_{constant}")  # noqa: PLW2901
        text = text.replace("PREFIX", source.prefix).replace("LOGIT logits", f"{dtype} logits")  # noqa: PLW2901
        (folder / name).write_text(text, encoding="ascii")


def compile_c(folder: Path, compiler: str, *arguments: str) -> None:
    """Compile without a warning, or skip where there is no such compiler."""
    require_tool(compiler)
    done = subprocess.run(
        [compiler, *WARNINGS, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def logits_in_c(
    folder: Path, source: CSource, digits: NDArray[np.uint8], *flags: str, dtype: str = "int8"
) -> NDArray[np.integer[Any]]:
    """Compile a model, and compute the integers of some digits: ``(n, 10)``."""
    write_source(folder, source, main=RUN)
    names = [f"{source.prefix}{suffix}.c" for suffix in ("", "_read", "_self_test")]
    compile_c(folder, "cc", "-std=c99", *(flags or ("-O2",)), *names, "main.c", "-o", "program")
    done = subprocess.run(
        [folder / "program"], input=digits.tobytes(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return np.frombuffer(done.stdout, dtype).reshape(-1, 10)


def logits_of_runtime(content: bytes, digits: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
    """Compute the same by tflite-runtime."""
    with using_runtime("tflite-runtime"):
        interpreter = Interpreter(content)
        return np.array([interpreter.raw_output(digit) for digit in digits])


def manifest_for(content: bytes) -> ModelManifest:
    """Make the manifest of a model that has none, with the runtime's own golden vectors."""
    graph = parse_graph(content)
    specs = [
        TensorSpec(
            shape=tensor.shape,
            dtype=tensor.dtype,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
        )
        for tensor in (graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]])
    ]
    inputs = golden_inputs(load_builtin_digits())
    outputs = logits_of_runtime(content, inputs)
    manifest = load_model(NANO).manifest
    assert manifest is not None
    return replace(
        manifest,
        recipe="tiny",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        input=specs[0],
        output=specs[1],
        golden=encode_golden(inputs, outputs, runtime="tflite-runtime 2.14.0", tolerance=0),
    )


def assert_equal_in_c(
    folder: Path, content: bytes, manifest: ModelManifest, digits: NDArray[np.uint8], *flags: str
) -> CSource:
    """Generate and compile a model, and compare every logit with tflite-runtime's."""
    source = generate(content, manifest)
    found = logits_in_c(folder, source, digits, *flags, dtype=manifest.output.dtype)
    expected = logits_of_runtime(content, digits)
    assert len(found) == len(expected)
    assert int((found != expected).sum()) == 0
    return source
