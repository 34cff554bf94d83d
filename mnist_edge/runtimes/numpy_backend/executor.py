"""Run a model with numpy."""

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
from mnist_edge.runtimes.numpy_backend.node import Kernel, Node, unsupported

_KERNELS: dict[str, Callable[[Node], Kernel]] = {
    "AVERAGE_POOL_2D": kernels.prepare_average_pool,
    "CONV_2D": matmul_kernels.prepare_conv,
    "DEPTHWISE_CONV_2D": matmul_kernels.prepare_depthwise_conv,
    "DEQUANTIZE": kernels.prepare_dequantize,
    "FULLY_CONNECTED": matmul_kernels.prepare_fully_connected,
    "MAX_POOL_2D": kernels.prepare_max_pool,
    "MEAN": kernels.prepare_mean,
    "MUL": kernels.prepare_mul,
    "PAD": kernels.prepare_pad,
    "QUANTIZE": kernels.prepare_quantize,
    "RELU": kernels.prepare_relu,
    "RELU6": kernels.prepare_relu,
    "RESHAPE": kernels.prepare_reshape,
    "SOFTMAX": kernels.prepare_softmax,
}
"""The function that prepares each supported operator."""
_BATCH_SIZE = 32
"""Runs at a time: enough to share the cost of calling numpy, and few enough for the activations
between two operators to stay in a processor's cache."""

_MAX_VALUES = 1 << 20
"""Values that all operators may compute in one run, beyond which a file is not taken for a digit
model; those of ``nano`` compute 5,094."""
_MAX_WEIGHTS = 1 << 22
"""Constants that all operators may have, beyond which a file counts as damaged: many operators can
refer to the same constants, and each prepares its own copy."""


class NumpyBackend:
    """A model that numpy runs, with the same int8 results as tflite-runtime 2.14.0.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
        UnsuitableModel: it has an operator or a type that is not supported here.
    """

    preferred_batch = _BATCH_SIZE
    """Number of runs that ``invoke`` is most efficient with."""

    def __init__(self, content: bytes) -> None:
        self._graph = parse_graph(content)
        # A damaged file's scales may overflow; the result is refused, or clipped like any other.
        with np.errstate(all="ignore"):
            self._steps = _prepare(self._graph)
        tensors = self._graph.tensors
        self.inputs = [_tensor_spec(tensors[index]) for index in self._graph.inputs]
        """The model's input tensors."""
        self.outputs = [_tensor_spec(tensors[index]) for index in self._graph.outputs]
        """The model's output tensors."""
        self.input_index = self._graph.inputs[0] if self._graph.inputs else -1
        """Index of the first input among the model's tensors."""
        self.output_index = self._graph.outputs[0] if self._graph.outputs else -1
        """Index of the first output among the model's tensors."""

    def operators(self) -> Iterator[tuple[str, Sequence[int], Sequence[int]]]:
        """Yield each operator's name, and the indices of its input and output tensors."""
        for operator in self._graph.operators:
            yield operator.name, operator.inputs, operator.outputs

    def tensor(self, index: int) -> TensorSpec:
        """Return a tensor of the model."""
        return _tensor_spec(self._graph.tensors[index])

    def run(self, value: NDArray[Any]) -> NDArray[Any]:
        """Run a model of one input and one output once, on ``(*shape)`` values of its type."""
        output: NDArray[Any] = self.invoke(value[np.newaxis])[0]
        return output

    def invoke(self, values: NDArray[Any]) -> NDArray[Any]:
        """Run a model of one input and one output.

        Args:
            values: ``(n, *shape)`` for an input of that shape, in its type: n runs.

        Returns:
            ``(n, *shape)`` for an output of that shape, in its type.
        """
        outputs, _ = self._run(values)
        return outputs

    def time_operators(self, values: NDArray[Any]) -> list[float]:
        """Measure the seconds of each operator, in the order of ``operators``.

        Args:
            values: as for ``invoke``.
        """
        _, seconds = self._run(values)
        return seconds

    def _run(self, values: NDArray[Any]) -> tuple[NDArray[Any], list[float]]:
        """Run the model; return its outputs and the seconds of each operator."""
        tensors = self._graph.tensors
        activations, seconds = {self._graph.inputs[0]: values}, []
        with np.errstate(all="ignore"):
            for kernel, source, target in self._steps:
                started = time.perf_counter()
                outputs = kernel(activations[source])
                activations[target] = outputs.reshape(len(values), *tensors[target].shape)
                seconds.append(time.perf_counter() - started)
        return activations[self._graph.outputs[0]], seconds


def _prepare(graph: Graph) -> list[tuple[Kernel, int, int]]:
    """Prepare every operator: its kernel, and the indices of its input and its output."""
    steps = []
    computed, values, weights = set(graph.inputs), 0, 0
    for operator in graph.operators:
        if operator.name not in _KERNELS:
            raise unsupported(operator.name)
        sources = [index for index in operator.inputs if index in computed]
        targets = operator.outputs
        if len(sources) != 1 or len(targets) != 1 or targets[0] in (-1, *computed):
            raise unsupported(f"{operator.name} of {len(sources)} tensors to {len(targets)}")
        node = to_node(graph, operator, sources[0])
        values += math.prod(node.output.shape)
        weights += sum(math.prod(tensor.shape) for tensor in node.constants if tensor)
        if values > _MAX_VALUES or weights > _MAX_WEIGHTS:
            raise unsupported(f"{values} values for one run and {weights} constants")
        steps.append((_KERNELS[operator.name](node), sources[0], targets[0]))
        computed.add(targets[0])
    if -1 in computed or not computed.issuperset(graph.outputs):
        raise unsupported("an input or output that no operator is connected to")
    return steps


def to_node(graph: Graph, operator: GraphOperator, source: int) -> Node:
    """Return an operator with its tensors, of which it computes on ``source``."""
    others = [index for index in operator.inputs if index != source]
    return Node(
        name=operator.name,
        input=graph.tensors[source],
        constants=tuple(None if other < 0 else graph.tensors[other] for other in others),
        output=graph.tensors[operator.outputs[0]],
        options=operator.options,
    )


def _tensor_spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(
        shape=tensor.shape, dtype=tensor.dtype, scale=tensor.scale, zero_point=tensor.zero_point
    )
