"""Operators, parameters, work and memory of a ``.tflite`` file, read without a runtime."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_edge.evaluation.report.results import OperatorCount
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator, Tensor, parse_graph

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators whose inputs after the first are weights and biases."""
_ARITHMETIC = ("ADD", "SUB", "MUL", "DIV", "PRELU")
"""Operators whose constants are parameters too, for example those of a normalization."""


@dataclass(frozen=True, kw_only=True)
class ModelStats:
    """Statistics of a model file."""

    parameters: int
    """Number of weights and biases."""
    multiply_adds: int
    """Multiply-accumulate operations of the convolutions and dense layers, per run."""
    arena: int
    """Peak size of the activations in bytes, for one digit: at the most demanding operator, its
    inputs, its outputs and what later operators still need. An optimally packed arena takes this
    much plus the runtime's own records."""
    operators: tuple[OperatorCount, ...]
    """Operators by name and version."""


def read_model_stats(content: bytes) -> ModelStats:
    """Compute the statistics of a model file.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
    """
    graph = parse_graph(content)
    counts = Counter((operator.name, operator.version) for operator in graph.operators)
    return ModelStats(
        parameters=sum(math.prod(graph.tensors[index].shape) for index in _parameters(graph)),
        multiply_adds=sum(_multiply_adds(graph, operator) for operator in graph.operators),
        arena=_peak_activations(graph),
        operators=tuple(
            OperatorCount(name=name, version=version, count=count)
            for (name, version), count in sorted(counts.items())
        ),
    )


def structure_warning(models: Sequence[StoredModel]) -> str | None:
    """Say that files without manifests are of different networks, if their structure tells.

    Quantization may fold a normalization, but changes nothing of what the layers multiply.

    Raises:
        InvalidModel: a file is damaged.
    """
    if any(model.manifest for model in models):
        return None
    counts = {model.path.name: _multiply_adds_of_one(model.content) for model in models}
    if len(set(counts.values())) < 2:
        return None
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return (
        f"these files are of different networks, by their multiply-adds ({listed}): what differs "
        "is not the quantization"
    )


def _multiply_adds_of_one(content: bytes) -> int:
    """Count the multiplications for one picture of a batch, which may be fixed to any size."""
    graph = parse_graph(content)
    batch = graph.tensors[graph.inputs[0]].shape[0]
    return sum(_multiply_adds(graph, operator) for operator in graph.operators) // max(1, batch)


def _parameters(graph: Graph) -> set[int]:
    """Return the indices of the trained constants; one shared by several operators counts once."""
    # An operator of their own converts half-precision weights to single precision.
    sources = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE"
    }
    inputs = [
        sources.get(index, index)
        for operator in graph.operators
        if operator.name in (*_WEIGHTED, *_ARITHMETIC)
        for index in operator.inputs
        if index >= 0
    ]
    # A single number is the divisor of the pixels, which was not trained.
    return {
        index
        for index in inputs
        if graph.tensors[index].data is not None and math.prod(graph.tensors[index].shape) > 1
    }


def _multiply_adds(graph: Graph, operator: GraphOperator) -> int:
    """Count the multiplications: each output sums one product per weight of its filter."""
    if operator.name not in _WEIGHTED:
        return 0
    weights = graph.tensors[operator.inputs[1]].shape
    outputs = math.prod(graph.tensors[operator.outputs[0]].shape)
    # Filters are (out, height, width, in); depthwise ones are (1, height, width, channels).
    per_output = weights[1:3] if operator.name == "DEPTHWISE_CONV_2D" else weights[1:]
    return outputs * math.prod(per_output)


def _peak_activations(graph: Graph) -> int:
    """Return the largest sum of the sizes of activations that are alive at the same step."""
    created = dict.fromkeys(graph.inputs, 0)
    last_use = dict.fromkeys(graph.outputs, len(graph.operators))
    aliases: dict[int, int] = {}
    for step, operator in enumerate(graph.operators):
        inputs = [aliases.get(index, index) for index in operator.inputs]
        activations = [index for index in inputs if index in created]
        last_use |= {index: max(step, last_use.get(index, 0)) for index in activations}
        if not activations:  # computed from constants, such as half-precision weights: a constant
            continue
        for index in operator.outputs:
            if operator.name == "RESHAPE":  # the same bytes under another shape
                aliases[index] = activations[0]
                last_use[activations[0]] = max(last_use[activations[0]], last_use.get(index, 0))
            else:
                created[index] = step
    return max(
        (
            sum(
                _size(graph.tensors[index])
                for index, first in created.items()
                if first <= step <= last_use.get(index, first)
            )
            for step in range(len(graph.operators))
        ),
        default=0,
    )


def _size(tensor: Tensor) -> int:
    """Return a tensor's size in bytes."""
    return math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
