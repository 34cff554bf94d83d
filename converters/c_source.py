"""Export an int8 model as C: ``model.h`` and ``model.c``, with golden vectors to test a port.

The text depends on the model alone: the same model gives the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from converters.microcontroller import MicroRun
from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import ConversionError, InvalidValue
from mnist_edge.modelstore.manifest import ModelManifest, TensorSpec
from mnist_edge.runtimes.interpreter import quantization_table
from mnist_edge.runtimes.sandbox import run_sandboxed


@dataclass(frozen=True, kw_only=True)
class GoldenVectors:
    """Inputs of a model and its outputs for them; vector ``i`` shows the digit ``i``."""

    inputs: NDArray[np.int8]
    """``(n, 784)``, quantized as in the input tensor."""
    outputs: NDArray[np.int8]
    """``(n, 10)``, quantized logits as in the output tensor."""


def golden_vectors(content: bytes, digits: Digits) -> GoldenVectors:
    """Run the first digit of each label on the device runtime.

    Args:
        content: the bytes of a ``.tflite`` file with int8 input and output.
        digits: at least one digit of each label.

    Raises:
        ConversionError: the model's input or output is not int8.
        InvalidValue: a label has no digit.
        ModelError: the runtime cannot run the model, or it is not a digit model.
    """
    labels, first = np.unique(digits.labels, return_index=True)
    if len(labels) != CLASSES:
        raise InvalidValue(
            f"golden vectors need a digit of each label, found only {labels.tolist()}"
        )
    images = digits.images[first]
    run = run_sandboxed(content, images, name="the model")
    _require_int8(run.input, run.output)
    inputs = quantization_table(run.input)[images].reshape(CLASSES, -1)
    # The logits are multiples of the scale, up to float32 rounding.
    steps = np.rint(run.logits.astype(np.float64) / run.output.scale)
    return GoldenVectors(inputs=inputs, outputs=(steps + run.output.zero_point).astype(np.int8))


def c_source(
    content: bytes,
    manifest: ModelManifest,
    golden: GoldenVectors,
    *,
    micro: MicroRun | None = None,
) -> dict[str, str]:
    """Write a model as C.

    Args:
        content: the bytes of the ``.tflite`` file.
        manifest: its manifest.
        golden: the vectors that a port must reproduce.
        micro: the same inputs run on TensorFlow Lite for Microcontrollers, if it is installed. Its
            outputs then replace those of ``golden``, since a port runs its kernels, and its arena
            size is included.

    Returns:
        The texts of ``model.h`` and ``model.c`` by name: ASCII, valid both as C99 and as C++11.

    Raises:
        ConversionError: the model's input or output is not int8.
    """
    _require_int8(manifest.input, manifest.output)
    if micro is not None:
        golden = replace(golden, outputs=micro.outputs)
    # The recipe may be the name of a Keras file, which could contain the end of a comment.
    recipe = re.sub(r"[^\w.+-]", "_", manifest.recipe, flags=re.ASCII)
    name = f"{recipe}, {manifest.scheme}, sha256 {hashlib.sha256(content).hexdigest()}"
    return {
        "model.h": _header(name, len(content), manifest, len(golden.inputs), micro),
        "model.c": _source(name, content, manifest.labels, golden),
    }


def _header(
    name: str, size: int, manifest: ModelManifest, count: int, micro: MicroRun | None
) -> str:
    if micro is None:
        exactness = "The golden outputs are TensorFlow Lite's; TFLM may round them by one step."
        arena = """\
/* Define MNIST_EDGE_ARENA_BYTES; MicroInterpreter::arena_used_bytes() returns the minimum. */"""
    else:
        exactness = "The golden outputs are those of TFLM's reference kernels, bit for bit."
        arena = f"""\
/* For TFLM's reference kernels with 64-bit pointers; other kernels may need more. */
#define MNIST_EDGE_ARENA_BYTES {micro.arena_bytes}"""
    return f"""\
/*
 * {name}
 *
 * An input is round(pixel / scale) + zero point, for pixels 0 (background) to 255 (ink); a logit
 * is (output - zero point) * scale. With TensorFlow Lite for Microcontrollers (TFLM), in C++:
 *
 *   alignas(16) static uint8_t arena[MNIST_EDGE_ARENA_BYTES];
 *   tflite::MicroMutableOpResolver<8> ops;  // and ops.Add...() for each operator of the model
 *   tflite::MicroInterpreter tflm(tflite::GetModel(mnist_edge_model), ops, arena, sizeof arena);
 *   tflm.AllocateTensors();
 *   for (int i = 0; i < MNIST_EDGE_GOLDEN_COUNT; ++i) {{
 *     memcpy(tflm.input(0)->data.int8, mnist_edge_golden_inputs[i], MNIST_EDGE_INPUT_SIZE);
 *     tflm.Invoke();
 *     assert(!memcmp(tflm.output(0)->data.int8, mnist_edge_golden_outputs[i],
 *                    MNIST_EDGE_OUTPUT_SIZE));
 *   }}
 *
 * {exactness}
 */
#ifndef MNIST_EDGE_MODEL_H
#define MNIST_EDGE_MODEL_H

#include <stdint.h>

#define MNIST_EDGE_MODEL_BYTES {size}
{arena}
#define MNIST_EDGE_INPUT_SIZE {DIGIT_SHAPE[0] * DIGIT_SHAPE[1]}
#define MNIST_EDGE_INPUT_SCALE {np.float32(manifest.input.scale)!s}f
#define MNIST_EDGE_INPUT_ZERO_POINT ({manifest.input.zero_point})
#define MNIST_EDGE_OUTPUT_SIZE {CLASSES}
#define MNIST_EDGE_OUTPUT_SCALE {np.float32(manifest.output.scale)!s}f
#define MNIST_EDGE_OUTPUT_ZERO_POINT ({manifest.output.zero_point})
#define MNIST_EDGE_GOLDEN_COUNT {count}

#ifdef __cplusplus
extern "C" {{
#endif
/* The .tflite file, aligned to 16 bytes. */
extern const unsigned char mnist_edge_model[MNIST_EDGE_MODEL_BYTES];
extern const char *const mnist_edge_labels[MNIST_EDGE_OUTPUT_SIZE];
/* Vector i shows the digit i. */
extern const int8_t mnist_edge_golden_inputs[MNIST_EDGE_GOLDEN_COUNT][MNIST_EDGE_INPUT_SIZE];
extern const int8_t mnist_edge_golden_outputs[MNIST_EDGE_GOLDEN_COUNT][MNIST_EDGE_OUTPUT_SIZE];
#ifdef __cplusplus
}}
#endif

#endif
"""


def _source(name: str, content: bytes, labels: Iterable[str], golden: GoldenVectors) -> str:
    return f"""\
/* {name} */
#include "model.h"

#if defined(__cplusplus) && __cplusplus >= 201103L
#define MNIST_EDGE_ALIGNED alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define MNIST_EDGE_ALIGNED _Alignas(16)
#elif defined(__GNUC__)
#define MNIST_EDGE_ALIGNED __attribute__((aligned(16)))
#elif defined(_MSC_VER)
#define MNIST_EDGE_ALIGNED __declspec(align(16))
#else
#error "define MNIST_EDGE_ALIGNED so that this compiler aligns the model to 16 bytes"
#endif

MNIST_EDGE_ALIGNED const unsigned char mnist_edge_model[MNIST_EDGE_MODEL_BYTES] =
{_braced(f"0x{byte:02x}" for byte in content)};

const char *const mnist_edge_labels[MNIST_EDGE_OUTPUT_SIZE] =
{_braced(map(json.dumps, labels))};

const int8_t mnist_edge_golden_inputs[MNIST_EDGE_GOLDEN_COUNT][MNIST_EDGE_INPUT_SIZE] =
{_braced(_braced(map(str, row)) for row in golden.inputs)};

const int8_t mnist_edge_golden_outputs[MNIST_EDGE_GOLDEN_COUNT][MNIST_EDGE_OUTPUT_SIZE] =
{_braced(_braced(map(str, row)) for row in golden.outputs)};
"""


def _require_int8(inputs: TensorSpec, outputs: TensorSpec) -> None:
    if (inputs.dtype, outputs.dtype) != ("int8", "int8"):
        raise ConversionError(
            f"C export needs int8 input and output, found {inputs.dtype} and {outputs.dtype}; "
            "convert the model with: mnist-edge convert --quantize int8 --emit c"
        )


def _braced(items: Iterable[str]) -> str:
    lines = textwrap.wrap(", ".join(items), 96, break_on_hyphens=False, break_long_words=False)
    return "{" + "\n ".join(lines) + "}"
