"""The operators inside a ``.tflite``, read from the file itself, and what runtimes know of them.

A runtime refuses a whole model for one operator of a version that it does not know, on the
device and not before. ``targets.json`` holds the newest version of each operator that a release
loads, measured on the release (``tests/data/make_targets.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from mnist_edge.errors import UnknownName
from mnist_edge.training.frameworks import import_tensorflow

DEFAULT_TARGET = "tflite-runtime==2.14.0"
"""The oldest runtime that is supported, and the last of its name."""


_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
"""Operators whose second input is weights."""


@dataclass(frozen=True, kw_only=True)
class OperatorInfo:
    """One operator of a model."""

    name: str
    """As the schema has it, for example ``CONV_2D``; a custom one by its own name."""
    version: int
    """Of the operator: a runtime knows them up to some version."""
    builtin: bool
    """Whether the runtime brings it; a custom one has to be linked in."""
    inputs: tuple[str, ...]
    """Type of each tensor it takes, as numpy names it."""
    outputs: tuple[str, ...]
    """Type of each tensor it gives."""
    tensor: str
    """Name of the first tensor it gives: the layers it was made of. Inside a slim file, empty."""
    weights: tuple[float, float] | None
    """Least and greatest weight, of a convolution or dense layer with constant int8 weights."""


def read_operators(content: bytes) -> list[OperatorInfo]:
    """Every operator of a ``.tflite``, in the order in which they run."""
    import_tensorflow()
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    names, types = _schema_names("BuiltinOperator"), _schema_names("TensorType")
    operators = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            builtin = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            custom = code.customCode.decode(errors="replace") if code.customCode else "?"
            # An optional input that is left out has the index -1.
            taken, given = (
                tuple(types[graph.tensors[i].type].lower() for i in end if i >= 0)
                for end in (operator.inputs, operator.outputs)
            )
            operators.append(
                OperatorInfo(
                    name=custom if builtin == "CUSTOM" else builtin,
                    version=code.version,
                    builtin=builtin != "CUSTOM",
                    inputs=taken,
                    outputs=given,
                    tensor=graph.tensors[operator.outputs[0]].name.decode(errors="replace"),
                    weights=_weight_range(model, graph, operator) if builtin in _WEIGHTED else None,
                )
            )
    return operators


def _weight_range(model: Any, graph: Any, operator: Any) -> tuple[float, float] | None:
    tensor = graph.tensors[operator.inputs[1]]
    data, quantization = model.buffers[tensor.buffer].data, tensor.quantization
    if data is None or quantization is None or quantization.scale is None:
        return None
    integers = np.asarray(data, np.uint8).view(np.int8).reshape(tensor.shape)
    # One scale, or one for each index along the quantized dimension.
    shape = [1] * integers.ndim
    shape[quantization.quantizedDimension] = -1
    weights = integers * np.asarray(quantization.scale, np.float64).reshape(shape)
    return float(weights.min()), float(weights.max())


def known_targets() -> dict[str, dict[str, int]]:
    """Each runtime release, oldest first: the newest version it knows of each operator."""
    text = resources.files("converters").joinpath("targets.json").read_text(encoding="utf-8")
    targets: dict[str, dict[str, int]] = json.loads(text)
    return targets


def require_target(target: str) -> None:
    """Checks the name of a runtime release.

    Raises:
        UnknownName: it is none that was measured.
    """
    if target not in known_targets():
        raise UnknownName("target", target, known_targets())


def unknown_to(target: str, operators: list[OperatorInfo]) -> list[str]:
    """What a runtime would refuse the model for, each with what to do.

    Args:
        target: one of ``known_targets``.
        operators: of the model.
    """
    known = known_targets()[target]
    found = {(one.name, one.version) for one in operators if one.builtin}
    reasons = []
    for name, version in sorted(found):
        if name not in known:
            reasons.append(f"{target} has no operator {name}; build the layer of others")
        elif version > known[name]:
            fix = (
                "quantize weights by --weights per-tensor"
                if name in _WEIGHTED
                else "build the layer of others"
            )
            reasons.append(
                f"{target} knows {name} up to version {known[name]}, the model has version "
                f"{version}; {fix}, or take a newer --target"
            )
    return reasons


@cache
def _schema_names(enumeration: str) -> dict[int, str]:
    """Names of an enumeration of the TFLite schema, by number."""
    import_tensorflow()
    from tensorflow.lite.python import schema_py_generated

    members: dict[str, Any] = vars(getattr(schema_py_generated, enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int)}
