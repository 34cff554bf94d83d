"""Write an int8 model as standalone C99, with a reader of pictures and a self-test."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.c import layers
from converters.c.confidence import ConfidenceTable, confidence_table, threshold_bits
from converters.c.layers import Channels
from converters.c.memory import MemoryPlan, plan_memory
from converters.c.program import Layer, Program, build_program, not_generated
from converters.c.template import fill, read_resource
from mnist_edge.errors import ConversionError, InvalidValue
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.runtimes.golden import decode_golden
from mnist_edge.runtimes.interpreter import quantization_table
from mnist_edge.runtimes.numpy_backend.executor import NumpyBackend
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows
from mnist_edge.runtimes.numpy_backend.node import UnsupportedOperator

_FIELD = range(-(1 << 15), 1 << 15)
"""Values of a channel count, a zero point or a bound in a layer's description."""
_SIDE = range(1 << 8)
"""Values of a height, width, stride or padding there."""
_REFERENCE = "tflite-runtime 2.14.0"
"""The runtime whose integers are generated."""
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,30}")
_RESERVED = {"digit", "layer", "main", "int8"}
_KERNELS = {
    layers.Conv: ("clamp", "rescale", "rescale_up", "dot", "conv"),
    layers.Depthwise: ("clamp", "rescale", "rescale_away", "depthwise"),
    layers.MaxPool: ("clamp", "pool", "max_pool"),
    layers.AveragePool: ("clamp", "pool", "average_pool"),
    layers.Mean: ("clamp", "rescale", "rescale_away", "mean"),
    layers.Pad: ("pad",),
    layers.Add: ("clamp", "rescale", "rescale_away", "add"),
    layers.Lookup: ("lookup",),
    layers.Softmax: ("clamp", "softmax"),
}
"""The parts of ``templates/kernels.c`` that each kind of layer needs."""
_SIGN_BIT = 128


@dataclass(frozen=True, kw_only=True)
class CSource:
    """A model in C."""

    prefix: str
    """What every public name begins with, and the files' names."""
    files: dict[str, str]
    """The text of each file by its name: ASCII, at most 100 columns."""
    workspace: int
    """Bytes of memory that a run needs, with its input and without the stack."""
    values: dict[str, str] = field(repr=False)
    """What templates say of the model, by name."""


def generate(content: bytes, manifest: ModelManifest, *, prefix: str | None = None) -> CSource:
    """Write a model as C.

    The text depends on the model alone: the same model gives the same bytes on every machine.

    Args:
        content: the bytes of the ``.tflite`` file.
        manifest: its manifest.
        prefix: what public names begin with; by default the recipe's name.

    Raises:
        InvalidValue: the prefix is not a lowercase identifier of C.
        InvalidModel: the file is damaged.
        InvalidManifest: its golden vectors are damaged.
        ConversionError: the model has something that no C is generated for, which is named; or its
            manifest has no golden vectors.
    """
    prefix = _prefix_of(manifest.recipe) if prefix is None else _checked(prefix)
    program = build_program(content)
    if manifest.golden is None:
        raise ConversionError(
            "the manifest has no golden vectors for the self-test; convert the model again"
        )
    inputs, outputs = decode_golden(manifest.golden, manifest.output, name=manifest.recipe)
    if manifest.golden.runtime != _REFERENCE:
        outputs = _reference_outputs(content, manifest, inputs)
    plan = plan_memory(program)
    values = {
        # The recipe may be the name of a Keras file, which could contain the end of a comment.
        "title": f"{re.sub(r'[^a-zA-Z0-9.+-]', '_', manifest.recipe)}, {manifest.scheme}, "
        f"sha256 {manifest.sha256[:16]}",
        "workspace": str(plan.size),
        "logit": f"{program.output_dtype}_t",
        "scale": f"{np.float32(manifest.output.scale)!s}f",
        "zero_point": str(manifest.output.zero_point),
        **_golden_values(inputs, outputs),
        **_confidence_values(manifest, program),
        "model": _model(program, plan),
    }
    files = {
        name.replace("digit", prefix): fill(f"templates/{name}", prefix, values)
        for name in ("digit.h", "digit.c", "digit_read.c", "digit_self_test.c")
    }
    return CSource(prefix=prefix, files=files, workspace=plan.size, values=values)


def _reference_outputs(
    content: bytes, manifest: ModelManifest, inputs: NDArray[np.uint8]
) -> NDArray[np.generic]:
    """Compute golden outputs again: those of other runtimes may differ by a step."""
    try:
        backend = NumpyBackend(content)
    except UnsupportedOperator as error:
        raise ConversionError(
            f"the golden vectors are those of another runtime than {_REFERENCE}, and {error.what} "
            "is not computed here; convert the model where tflite-runtime is installed"
        ) from error
    values = quantization_table(manifest.input)[inputs].reshape(len(inputs), -1, 1)
    channels = math.prod(manifest.input.shape) // values.shape[1]
    outputs = backend.invoke(
        np.repeat(values, channels, axis=2).reshape(len(inputs), *manifest.input.shape)
    )
    return outputs.reshape(len(inputs), -1)


def _prefix_of(recipe: str) -> str:
    """Return the name of a recipe, or of the file that a model was made of, as a prefix."""
    name = re.sub(r"[^a-z0-9]+", "_", recipe.partition(".")[0].lower()).strip("_")
    name = name[:31] if name[:1].isalpha() else f"model_{name}"[:31].rstrip("_")
    return name if name not in _RESERVED else f"{name}_model"


def _checked(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise InvalidValue(
            f"{prefix!r} cannot begin a name in C here; expected a lowercase letter, then at most "
            "30 lowercase letters, digits or underscores"
        )
    return prefix


def _golden_values(inputs: NDArray[np.uint8], outputs: NDArray[np.generic]) -> dict[str, str]:
    return {
        "golden": str(len(inputs)),
        "golden_inputs": _braced(_braced(row) for row in inputs.reshape(len(inputs), -1).tolist()),
        "golden_outputs": _braced(_braced(row) for row in outputs.tolist()),
    }


def _confidence_values(manifest: ModelManifest, program: Program) -> dict[str, str]:
    softmax = any(isinstance(layer.kind, layers.Softmax) for layer in program.layers)
    table: ConfidenceTable = confidence_table(manifest, ends_in_softmax=softmax)
    lowest = 0 if program.output_dtype == "uint8" else _SIGN_BIT
    value = f"logits[i] + {lowest}"
    return {
        "likelihoods": str(len(table.likelihoods)),
        "likelihood_table": _braced(f"{value}u" for value in table.likelihoods.tolist()),
        "place": value if softmax else "logits[chosen] - logits[i]",
        "best": value.replace("[i]", "[chosen]") if softmax else "0",
        "likelihood_comment": _LIKELIHOODS[softmax],
        "threshold": f"{manifest.min_confidence:.4f}",
        "threshold_bits": str(threshold_bits(manifest)),
    }


_LIKELIHOODS = {
    False: "exp(-steps * scale / temperature): how much less probable a digit is whose logit lies "
    "so\n * many steps below the largest",
    True: "The probability of each output from the lowest, to the power of 1 / temperature",
}


def _model(program: Program, plan: MemoryPlan) -> str:
    """Return the kernels, the constants and the two functions of the network."""
    needed = {name for layer in program.layers for name in _KERNELS[type(layer.kind)]}
    # Each part begins with its name in a comment, and comes after those that it calls.
    _, *split = re.split(r"/\* @(\w+) \*/\n", read_resource("templates/kernels.c"))
    kernels = dict(zip(split[::2], split[1::2], strict=True))
    parts = [f"{text.rstrip()}\n" for name, text in kernels.items() if name in needed]
    calls = []
    for number, layer in enumerate(program.layers, 1):
        comment = (
            f"/* {number}: {layer.operators}, {_size(layer.before)} to {_size(layer.after)} */"
        )
        constants, call = _layer(number, layer, plan)
        if constants:
            parts.append("\n".join([comment, *constants, ""]))
        calls += [f"    {comment}", f"    {call};"]
    table = program.pixels.view(np.int8)
    shifted = bool((table == np.arange(256).astype(np.uint8).view(np.int8) ^ np.int8(-128)).all())
    if not shifted:
        parts.append(f"/* The input for each pixel. */\n{_array('int8_t', 'levels', table)}\n")
    level = "(int8_t)(pixels[i] - 128)" if shifted else "levels[pixels[i]]"
    parts.append(_functions(program, plan, level, calls))
    return "\n".join(parts)


def _functions(program: Program, plan: MemoryPlan, level: str, calls: list[str]) -> str:
    start = plan.offsets[program.input]
    channels = program.channels
    if channels == 1:
        loop = f"""\
    for (i = 0; i < DIGIT_PIXELS; ++i) {{
        bytes[{start} + i] = {level};
    }}"""
    else:
        loop = f"""\
    /* From the last, because each pixel takes the place of {channels}. */
    for (i = DIGIT_PIXELS - 1; i >= 0; --i) {{
        const int8_t level = {level};
        int channel;
        for (channel = 0; channel < {channels}; ++channel) {{
            bytes[{start} + {channels} * i + channel] = level;
        }}
    }}"""
    last = plan.offsets[program.output]
    body = "\n".join(calls)
    return f"""\
uint8_t *digit_input(digit_workspace *workspace)
{{
    return workspace ? workspace->bytes + {start} : 0;
}}

int digit_run(digit_workspace *workspace, const uint8_t *pixels, @logit@ *logits)
{{
    int8_t *bytes;
    int i;
    if (!workspace || !pixels || !logits) {{
        return DIGIT_NULL_POINTER;
    }}
    bytes = (int8_t *)workspace->bytes;
{loop}
{body}
    for (i = 0; i < DIGIT_CLASSES; ++i) {{
        logits[i] = (@logit@)bytes[{last} + i];
    }}
    return DIGIT_OK;
}}"""


def _layer(number: int, layer: Layer, plan: MemoryPlan) -> tuple[list[str], str]:
    """Return a layer's constants, and the call that computes it."""
    kind = layer.kind
    sources = ", ".join(f"bytes + {plan.offsets[index]}" for index in layer.inputs)
    buffers = f"{sources}, bytes + {plan.offsets[layer.output]}"
    (height, width, depth), (rows, columns, channels) = layer.before, layer.after
    name = f"layer_{number}"
    constants: list[str] = []
    fields: list[tuple[int, ...]]
    match kind:
        case layers.Conv():
            pool = kind.pool or _NO_POOL
            fields = [(depth, channels, *kind.zeros, *kind.bounds)]
            fields += [_sides(layer, kind.windows), kind.windows.count, _geometry(pool)]
            constants = [
                *_weights(number, kind.weights, kind.channels),
                _struct("conv", number, fields, _POINTERS),
            ]
            call = f"conv(&{name}, {buffers})"
        case layers.Depthwise():
            fields = [(depth, channels, *kind.zeros, *kind.bounds), _sides(layer, kind.windows)]
            constants = [
                *_weights(number, kind.weights, kind.channels),
                _struct("depthwise", number, fields, _POINTERS),
            ]
            call = f"depthwise(&{name}, {buffers})"
        case layers.MaxPool() | layers.AveragePool():
            fields = [(depth, *kind.bounds), _sides(layer, kind.windows)]
            constants = [_struct("pool", number, fields)]
            function = "max_pool" if isinstance(kind, layers.MaxPool) else "average_pool"
            call = f"{function}(&{name}, {buffers})"
        case layers.Mean():
            factors = f"{kind.multiplier}, {kind.shift}, {kind.subtracted}, {kind.added}"
            call = f"mean({buffers}, {kind.count}, {channels}, {factors})"
        case layers.Pad():
            sizes = f"{height}, {width}, {depth}, {kind.before[0]}, {kind.before[1]}"
            call = f"pad({buffers}, {sizes}, {rows}, {columns}, {kind.fill})"
        case layers.Add():
            parts = [_braced(part) for part in (kind.multipliers, kind.shifts, kind.zeros)]
            values = ", ".join([*parts, *map(str, kind.bounds)])
            constants = [f"static const struct add {name} = {{{values}}};"]
            call = f"add(&{name}, {buffers}, {math.prod(layer.after)})"
        case layers.Lookup():
            constants = [_array("int8_t", f"table_{number}", kind.table.view(np.int8))]
            call = f"lookup(table_{number}, {buffers}, {math.prod(layer.after)})"
        case layers.Softmax():
            words = (f"0x{word:08x}u" for word in kind.table.view(np.uint32).tolist())
            constants = [f"static const uint32_t powers_{number}[256] =\n{_braced(words)};"]
            call = f"softmax(powers_{number}, {buffers})"
    return constants, call


_POINTERS = ("weights", "bias", "multiplier", "shift")
_NO_POOL = SlidingWindows(size=(1, 1), strides=(1, 1), pads=((0, 0), (0, 0)), count=(0, 0))


def _sides(layer: Layer, windows: SlidingWindows) -> tuple[int, ...]:
    return (*layer.before[:2], *layer.after[:2], *_geometry(windows))


def _geometry(windows: SlidingWindows) -> tuple[int, ...]:
    (top, _), (left, _) = windows.pads
    return (*windows.size, *windows.strides, top, left)


def _weights(number: int, weights: NDArray[np.int8], channels: Channels) -> list[str]:
    return [
        _array("int8_t", f"weights_{number}", weights),
        _array("int32_t", f"bias_{number}", channels.bias),
        _array("int32_t", f"multiplier_{number}", channels.multiplier),
        _array("int8_t", f"shift_{number}", channels.shift),
    ]


def _struct(
    name: str, number: int, fields: Sequence[tuple[int, ...]], pointers: Iterable[str] = ()
) -> str:
    wide, *sides = fields
    for group, limits in [(wide, _FIELD), *((group, _SIDE) for group in sides)]:
        if any(value not in limits for value in group):
            raise not_generated(f"a layer of sizes {group}")
    groups = [", ".join(map(str, group)) for group in fields]
    if pointers:
        groups.insert(0, ", ".join(f"{pointer}_{number}" for pointer in pointers))
    body = ",\n    ".join(groups)
    return f"static const struct {name} layer_{number} = {{\n    {body}}};"


def _array(dtype: str, name: str, values: NDArray[Any]) -> str:
    body = _braced(values.ravel().tolist())
    return f"static const {dtype} {name}[{values.size}] =\n{body};"


def _braced(items: Iterable[object]) -> str:
    text = ", ".join(map(str, items))
    lines = textwrap.wrap(text, 96, break_on_hyphens=False, break_long_words=False)
    return "{" + "\n ".join(lines) + "}"


def _size(image: Iterable[int]) -> str:
    return " x ".join(map(str, image))
