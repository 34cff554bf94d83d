"""An int8 model as C: ``model.h`` and ``model.c``, with what a port to a microcontroller needs.

The text is of the model alone: the same model gives the same bytes on every machine.
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
    """Inputs of a model and what it answers, number ``i`` being of the digit ``i``."""

    inputs: NDArray[np.int8]
    """``(n, 784)``, as the input tensor has them."""
    outputs: NDArray[np.int8]
    """``(n, 10)``, logits as the output tensor has them."""


def golden_vectors(content: bytes, digits: Digits) -> GoldenVectors:
    """Runs the first digit of each label on the device runtime.

    Args:
        content: the bytes of a ``.tflite`` file, int8 in and out.
        digits: at least one of each label.

    Raises:
        ConversionError: the model is not int8 in and out.
        InvalidValue: a label has no digit.
        ModelError: the runtime cannot run the model, or it is none of digits.
    """
    labels, first = np.unique(digits.labels, return_index=True)
    if len(labels) != CLASSES:
        raise InvalidValue(f"golden vectors need a digit of each label, found {labels.tolist()}")
    images = digits.images[first]
    trial = run_sandboxed(content, images, name="the model")
    _require_int8(trial.input, trial.output)
    inputs = quantization_table(trial.input)[images].reshape(CLASSES, -1)
    # The trial's logits are whole steps of the scale, give or take a float32's rounding.
    steps = np.rint(trial.logits.astype(np.float64) / trial.output.scale)
    return GoldenVectors(inputs=inputs, outputs=(steps + trial.output.zero_point).astype(np.int8))


def c_source(
    content: bytes,
    manifest: ModelManifest,
    golden: GoldenVectors,
    *,
    micro: MicroRun | None = None,
) -> dict[str, str]:
    """Writes a model as C.

    Args:
        content: the bytes of the ``.tflite`` file.
        manifest: what is known of it.
        golden: what a port is to reproduce.
        micro: the same inputs on TensorFlow Lite for Microcontrollers, where it is at hand. Its
            outputs then stand for golden's, since a port runs its kernels, and its arena is told.

    Returns:
        The texts of ``model.h`` and ``model.c`` by these names: ASCII, and both C99 and C++11.

    Raises:
        ConversionError: the model is not int8 in and out.
    """
    _require_int8(manifest.input, manifest.output)
    if micro is not None:
        golden = replace(golden, outputs=micro.outputs)
    # A Keras file, after which the recipe may be named, can be called what would end the comment.
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
        exactness = "TensorFlow Lite gave the golden outputs; TFLM's rounding may be one step off."
        arena = """\
/* MNIST_EDGE_ARENA_BYTES is for you to find: MicroInterpreter::arena_used_bytes() tells it. */"""
    else:
        exactness = "The golden outputs are those of TFLM's reference kernels, bit for bit."
        arena = f"""\
/* Of TFLM's reference kernels with 64-bit pointers; other kernels may take more. */
#define MNIST_EDGE_ARENA_BYTES {micro.arena_bytes}"""
    return f"""\
/*
 * {name}
 *
 * An input is round(pixel / scale) + zero point, of pixels 0 (background) to 255 (ink); a logit
 * is (output - zero point) * scale. With TensorFlow Lite for Microcontrollers (TFLM), in C++:
 *
 *   alignas(16) static uint8_t arena[MNIST_EDGE_ARENA_BYTES];
 *   tflite::MicroMutableOpResolver<8> ops;  // and an ops.Add...() for each that the model has
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
/* Number i is of the digit i. */
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
#error "tell this compiler, by MNIST_EDGE_ALIGNED, to align the model to 16 bytes"
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


def _require_int8(taken: TensorSpec, given: TensorSpec) -> None:
    if (taken.dtype, given.dtype) != ("int8", "int8"):
        raise ConversionError(
            f"C is written of a model that is int8 in and out, this one is {taken.dtype} in and "
            f"{given.dtype} out; convert it with: mnist-edge convert --quantize int8 --emit c"
        )


def _braced(items: Iterable[str]) -> str:
    lines = textwrap.wrap(", ".join(items), 96, break_on_hyphens=False, break_long_words=False)
    return "{" + "\n ".join(lines) + "}"
