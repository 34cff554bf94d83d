"""Cross-layer equalization: rescale channels so that a network is easier to quantize.

A channel a hundred times as large as its neighbors takes up all steps of an activation's single
scale, and the weights that read it, a hundred times as small, vanish in theirs. Between two linear
layers with only a ReLU, poolings and reshapes between them, a factor per channel can be moved from
one to the other without changing what the network computes. (M. Nagel, M. van Baalen,
T. Blankevoort and M. Welling, Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019, https://arxiv.org/abs/1906.04721, equations 7 to 11.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.frozen_graph import Network, fold_constants
from converters.graph_nodes import node_name
from mnist_edge import DIGIT_SHAPE
from mnist_edge.training.frameworks import import_tensorflow

_LINEAR = {"MatMul", "Conv2D"}
_BIAS = {"BiasAdd", "AddV2"}
_SCALABLE = {"Relu", "MaxPool", "AvgPool", "Identity", "Reshape"}
"""Operations that commute with a positive factor per channel."""


def equalize(network: Network) -> Network | None:
    """Rescale the channels of a network to similar ranges without changing its answers.

    Returns:
        The equalized network; None if no two layers allow a factor to be moved.
    """
    folded = fold_constants(network)
    graph = folded.graph
    editor = _Editor(graph)
    pairs = [
        (first, second)
        for node in graph.node
        if (second := editor.linear(node)) and (first := editor.predecessor(second))
    ]
    for first, second in pairs:
        editor.balance(first, second)
    digits = np.random.RandomState(0).uniform(size=(8, *DIGIT_SHAPE)).astype(np.float32)
    same = np.allclose(folded.run(digits), network.run(digits), rtol=1e-3, atol=1e-3)
    return folded if pairs and same else None


@dataclass(frozen=True, kw_only=True)
class _Linear:
    """A matrix product or a convolution with constant weights."""

    node: Any
    kernel: Any
    """The ``Const`` of its weights; the last two axes are inputs and outputs."""
    biases: tuple[Any, ...] = ()
    """The ``Const`` nodes added to its output."""


class _Editor:
    """Finds layers in a ``GraphDef`` and changes their weights in place."""

    def __init__(self, graph: Any) -> None:
        self.nodes = {node.name: node for node in graph.node}
        self.uses: dict[str, int] = {}
        for node in graph.node:
            for reference in node.input:
                # Neither a shape nor a control dependency depends on the values.
                if node.op != "Shape" and not reference.startswith("^"):
                    name = node_name(reference)
                    self.uses[name] = self.uses.get(name, 0) + 1

    def linear(self, node: Any) -> _Linear | None:
        """Return the layer of a node; None if it is not one, or shares its weights."""
        # Reading a missing attribute of a node would add it.
        transposed = node.op == "MatMul" and (
            node.attr["transpose_a"].b or node.attr["transpose_b"].b
        )
        if node.op not in _LINEAR or transposed:
            return None
        kernel = self._constant(node.input[1])
        return _Linear(node=node, kernel=kernel) if kernel is not None else None

    def predecessor(self, layer: _Linear) -> _Linear | None:
        """Find the layer whose output reaches ``layer`` with its channels intact."""
        node = self._input(layer.node)
        biases: list[Any] = []
        while node is not None and self.uses[node.name] == 1:
            if node.op in _LINEAR:
                first = self.linear(node)
                if first is None or not self._channels_match(first, layer):
                    return None
                return replace(first, biases=tuple(biases))
            if node.op in _BIAS:
                constant = self._constant(node.input[1])
                if constant is None or self._value(constant).ndim != 1:
                    return None
                biases.append(constant)
            elif node.op not in _SCALABLE or biases:
                return None
            node = self._input(node)
        return None

    def balance(self, first: _Linear, second: _Linear) -> None:
        """Move a factor per channel so that both layers' weights have the same range."""
        outgoing, incoming = self._value(first.kernel), self._value(second.kernel)
        channels = outgoing.shape[-1]
        # After a reshape a channel feeds many rows; the channel is the fastest-varying index.
        rows = incoming.reshape(-1, channels, incoming.shape[-1])
        out_range = np.abs(outgoing).reshape(-1, channels).max(axis=0)
        in_range = np.abs(rows).max(axis=(0, 2))
        # A channel that is unused or always zero keeps its scale.
        used = (out_range > 0) & (in_range > 0)
        ratio = out_range / np.where(used, in_range, 1)
        factor = np.where(used, np.sqrt(ratio), 1).astype(np.float32)
        self._set(first.kernel, outgoing / factor)
        for bias in first.biases:
            self._set(bias, self._value(bias) / factor)
        self._set(second.kernel, (rows * factor[:, None]).reshape(incoming.shape))

    def _channels_match(self, first: _Linear, second: _Linear) -> bool:
        """Return whether the inputs of ``second`` are the output channels of ``first``."""
        channels = self._value(first.kernel).shape[-1]
        inputs = self._value(second.kernel).shape[-2]
        # A flattened feature map has each channel once per position.
        return inputs == channels or (second.node.op == "MatMul" and inputs % channels == 0)

    def _input(self, node: Any) -> Any:
        return self.nodes.get(node_name(node.input[0])) if node.input else None

    def _constant(self, reference: str) -> Any:
        """Return the ``Const`` behind a reference; None if there is none, or it is shared."""
        node = self.nodes[node_name(reference)]
        while node.op == "Identity" and self.uses[node.name] == 1:
            node = self._input(node)
        return node if node.op == "Const" and self.uses[node.name] == 1 else None

    @staticmethod
    def _value(constant: Any) -> NDArray[np.float32]:
        value: NDArray[np.float32] = import_tensorflow().make_ndarray(constant.attr["value"].tensor)
        return value

    @staticmethod
    def _set(constant: Any, value: NDArray[np.float32]) -> None:
        proto = import_tensorflow().make_tensor_proto(value.astype(np.float32))
        constant.attr["value"].tensor.CopyFrom(proto)
