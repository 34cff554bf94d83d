"""A model that is run by numpy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.numpy_backend import kernels, matmul_kernels
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator, Tensor, parse_graph
from mnist_edge.runtimes.numpy_backend.node import Kernel, Node, unsuitable

_KERNELS: dict[str, Callable[[Node], Kernel]] = {
    "AVERAGE_POOL_2D": kernels.prepare_average_pool,
    "CONV_2D": matmul_kernels.prepare_conv,
    "DEPTHWISE_CONV_2D": matmul_kernels.prepare_depthwise_conv,
    "DEQUANTIZE": kernels.prepare_dequantize,
    "FULLY_CONNECTED": matmul_kernels.prepare_fully_connected,
    "MAX_POOL_2D": kernels.prepare_max_pool,
    "MEAN": kernels.prepare_mean,
    "MUL": kernels.prepare_mul,
    "QUANTIZE": kernels.prepare_quantize,
    "RESHAPE": kernels.prepare_reshape,
    "SOFTMAX": kernels.prepare_softmax,
}
"""What prepares each operator that can be run."""
_AT_ONCE = 32
"""Runs that are made together: enough to share the cost of calling numpy, and few enough for what
lies between two operators to stay in a processor's cache."""

_MOST_VALUES = 1 << 20
"""Values that all operators of one run may make, beyond which a file is taken for no digit model;
those of ``nano`` make 5,094."""
_MOST_WEIGHTS = 1 << 22
"""Constants that all operators may have, beyond which a file is taken for damaged: many operators
can mean the same ones, and each prepares its own."""


class NumpyBackend:
    """A model that is run by numpy, with the same int8 results as tflite-runtime 2.14.0.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
        UnsuitableModel: it has an operator or a type that is not run here.
    """

    preferred_batch = _AT_ONCE
    """Runs that ``invoke`` is best given together."""

    def __init__(self, content: bytes) -> None:
        self._graph = parse_graph(content)
        # What a damaged file's scales overflow to is refused, or clipped like any other value.
        with np.errstate(all="ignore"):
            self._steps = _prepare(self._graph)
        tensors = self._graph.tensors
        self.inputs = [_spec(tensors[position]) for position in self._graph.inputs]
        """What it takes."""
        self.outputs = [_spec(tensors[position]) for position in self._graph.outputs]
        """What it gives."""
        self.output_position = self._graph.outputs[0] if self._graph.outputs else -1
        """Position of the first output among the model's tensors."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Of each operator the name, and the positions of the tensors it takes and makes."""
        for operator in self._graph.operators:
            yield operator.name, operator.inputs, operator.outputs

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Runs the model, of one input and one output.

        Args:
            values: ``(n, *shape)`` for an input of that shape and its type: each of the n is a run.

        Returns:
            ``(n, *shape)`` of the output.
        """
        tensors = self._graph.tensors
        known = {self._graph.inputs[0]: values}
        with np.errstate(all="ignore"):
            for kernel, taken, made in self._steps:
                known[made] = kernel(known[taken]).reshape(len(values), *tensors[made].shape)
        return known[self._graph.outputs[0]]

    def seconds_of_operators(self, values: NDArray[Any]) -> list[float]:
        """What each operator takes, in the order of ``operators``; ``values`` as ``invoke``."""
        tensors = self._graph.tensors
        known, seconds = {self._graph.inputs[0]: values}, []
        with np.errstate(all="ignore"):
            for kernel, taken, made in self._steps:
                started = time.perf_counter()
                known[made] = kernel(known[taken]).reshape(len(values), *tensors[made].shape)
                seconds.append(time.perf_counter() - started)
        return seconds


def _prepare(graph: Graph) -> list[tuple[Kernel, int, int]]:
    """The kernel of every operator, with the positions of what it takes and makes."""
    steps = []
    known, made_values, weights = set(graph.inputs), 0, 0
    for operator in graph.operators:
        if operator.name not in _KERNELS:
            raise unsuitable(operator.name)
        taken = [position for position in operator.inputs if position in known]
        if len(taken) != 1 or len(operator.outputs) != 1 or operator.outputs[0] in (-1, *known):
            raise unsuitable(f"{operator.name} of {len(taken)} tensors to {len(operator.outputs)}")
        node = _node(graph, operator, taken[0])
        made_values += math.prod(node.made.shape)
        weights += sum(math.prod(tensor.shape) for tensor in node.constants if tensor)
        if made_values > _MOST_VALUES or weights > _MOST_WEIGHTS:
            raise unsuitable(f"{made_values} values for one run and {weights} constants")
        steps.append((_KERNELS[operator.name](node), taken[0], operator.outputs[0]))
        known.add(operator.outputs[0])
    if -1 in known or not known.issuperset(graph.outputs):
        raise unsuitable("an end that leads nowhere")
    return steps


def _node(graph: Graph, operator: GraphOperator, taken: int) -> Node:
    others = [position for position in operator.inputs if position != taken]
    return Node(
        name=operator.name,
        given=graph.tensors[taken],
        constants=tuple(None if other < 0 else graph.tensors[other] for other in others),
        made=graph.tensors[operator.outputs[0]],
        options=operator.options,
    )


def _spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(
        shape=tensor.shape, dtype=tensor.dtype, scale=tensor.scale, zero_point=tensor.zero_point
    )
