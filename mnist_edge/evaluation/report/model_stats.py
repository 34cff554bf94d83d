"""What a ``.tflite`` says of itself: operators, parameters and work, read without a runtime."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mnist_edge.evaluation.report.details import Operators
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator, Tensor, parse_graph

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators that multiply by a weight and add: after what they take come weights and biases."""
_ARITHMETIC = ("ADD", "SUB", "MUL", "DIV", "PRELU")
"""Operators whose constants are parameters as well, such as a normalisation's."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """The contents of a model file in numbers."""

    parameters: int
    """Weights and biases."""
    multiply_adds: int
    """Multiplications, each with an addition, of one run's convolutions and dense layers."""
    arena: int
    """Bytes of the activations that are held at once at most, for one digit: of the operator that
    needs most, what it reads and writes and what is kept for later ones. An arena that is shared
    out at best takes these and a runtime's own records beside them."""
    operators: tuple[Operators, ...]
    """By name and version."""


def inspect(content: bytes) -> ModelFile:
    """Counts what is in a model file.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
    """
    graph = parse_graph(content)
    counts = Counter((operator.name, operator.version) for operator in graph.operators)
    return ModelFile(
        parameters=sum(math.prod(graph.tensors[place].shape) for place in _parameters(graph)),
        multiply_adds=sum(_multiply_adds(graph, operator) for operator in graph.operators),
        arena=_most_held(graph),
        operators=tuple(
            Operators(name=name, version=version, count=count)
            for (name, version), count in sorted(counts.items())
        ),
    )


def _parameters(graph: Graph) -> set[int]:
    """Positions of the constants that are trained, each once however many operators take it."""
    # Half-precision weights are made single by an operator of their own.
    widened = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE"
    }
    taken = [
        widened.get(place, place)
        for operator in graph.operators
        if operator.name in (*_WEIGHTED, *_ARITHMETIC)
        for place in operator.inputs
        if place >= 0
    ]
    # One number for all is what the pixels are divided by, and nobody trained it.
    return {
        place
        for place in taken
        if graph.tensors[place].data is not None and math.prod(graph.tensors[place].shape) > 1
    }


def _multiply_adds(graph: Graph, operator: GraphOperator) -> int:
    """Every output is a sum of as many products as a filter has weights for it."""
    if operator.name not in _WEIGHTED:
        return 0
    weights = graph.tensors[operator.inputs[1]].shape
    outputs = math.prod(graph.tensors[operator.outputs[0]].shape)
    # Filters lie (out, height, width, in), those of depthwise ones (1, height, width, channels).
    each = weights[1:3] if operator.name == "DEPTHWISE_CONV_2D" else weights[1:]
    return outputs * math.prod(each)


def _most_held(graph: Graph) -> int:
    """Bytes of the activations that are held at once at most."""
    made = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.outputs, len(graph.operators))
    place_of: dict[int, int] = {}
    for step, operator in enumerate(graph.operators):
        read = [place_of.get(place, place) for place in operator.inputs]
        held = [place for place in read if place in made]
        last |= {place: max(step, last.get(place, 0)) for place in held}
        if not held:  # made of constants, such as half-precision weights: a constant itself
            continue
        for place in operator.outputs:
            if operator.name == "RESHAPE":  # the same bytes under another shape
                place_of[place] = held[0]
                last[held[0]] = max(last[held[0]], last.get(place, 0))
            else:
                made[place] = step
    return max(
        (
            sum(
                _bytes(graph.tensors[place])
                for place, first in made.items()
                if first <= step <= last.get(place, first)
            )
            for step in range(len(graph.operators))
        ),
        default=0,
    )


def _bytes(tensor: Tensor) -> int:
    return math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
