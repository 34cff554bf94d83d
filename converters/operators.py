"""Read the operators in a ``.tflite`` file, and compare them with what a runtime supports.

A runtime rejects a whole model for one operator version that it does not know, and only on the
device. ``targets.json`` lists the newest version of each operator that a release loads, measured
on the release (``tests/data/make_targets.py``).
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
"""The oldest supported runtime, and the last release under that name."""

_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
"""Operators whose second input is their weights."""


@dataclass(frozen=True, kw_only=True)
class OperatorInfo:
    """One operator of a model."""

    name: str
    """Name in TFLite's schema, for example ``CONV_2D``; a custom operator's own name."""
    version: int
    """Version of the operator; a runtime knows each operator up to some version."""
    builtin: bool
    """Whether it is built into the runtime; a custom operator must be linked in."""
    inputs: tuple[str, ...]
    """Type of each input tensor, by numpy's name."""
    outputs: tuple[str, ...]
    """Type of each output tensor, by numpy's name."""
    tensor: str
    """Name of its first output tensor, from the layers fused into it; empty in a compact file."""
    weights: tuple[float, float] | None
    """Minimum and maximum weight of a convolution or dense layer with constant int8 weights."""

    @property
    def layer(self) -> str:
        """The first of the layers fused into it."""
        return self.tensor.split(";")[0]


def read_operators(content: bytes) -> list[OperatorInfo]:
    """Read every operator of a ``.tflite`` file, in execution order."""
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
            # An omitted optional input has the index -1.
            inputs, outputs = (
                tuple(types[graph.tensors[index].type].lower() for index in indices if index >= 0)
                for indices in (operator.inputs, operator.outputs)
            )
            operators.append(
                OperatorInfo(
                    name=custom if builtin == "CUSTOM" else builtin,
                    version=code.version,
                    builtin=builtin != "CUSTOM",
                    inputs=inputs,
                    outputs=outputs,
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
    """Return the newest version of each operator that each runtime release loads, oldest first."""
    text = resources.files("converters").joinpath("targets.json").read_text(encoding="utf-8")
    targets: dict[str, dict[str, int]] = json.loads(text)
    return targets


def require_target(target: str) -> None:
    """Check the name of a runtime release.

    Raises:
        UnknownName: the release was not measured.
    """
    if target not in known_targets():
        raise UnknownName("target", target, known_targets())


def unknown_to(target: str, operators: list[OperatorInfo]) -> list[str]:
    """List the reasons why a runtime would reject a model, each with advice.

    Args:
        target: one of ``known_targets``.
        operators: the operators of the model.
    """
    known = known_targets()[target]
    found = {
        (operator.name, operator.version): operator.layer
        for operator in reversed(operators)
        if operator.builtin
    }
    reasons = []
    for (name, version), layer in sorted(found.items()):
        if name not in known:
            reasons.append(
                f"{target} has no operator {name} (at {layer!r}); build the layer from others"
            )
        elif version > known[name]:
            fix = (
                "quantize with --weights per-tensor"
                if name in _WEIGHTED
                else "build the layer from others"
            )
            reasons.append(
                f"{target} knows {name} up to version {known[name]}, the model has version "
                f"{version} (at {layer!r}); {fix}, or choose a newer --target"
            )
    return reasons


@cache
def _schema_names(enumeration: str) -> dict[int, str]:
    """Return the names of an enumeration of the TFLite schema, by number."""
    import_tensorflow()
    from tensorflow.lite.python import schema_py_generated

    members: dict[str, Any] = vars(getattr(schema_py_generated, enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int)}
