"""Channels of like size: the same network, easier to quantize.

A channel that is a hundred times as large as its neighbours takes all steps of an activation's
one scale, and the weights that read it, a hundred times as small, vanish in theirs. Between two
linear layers with nothing but a ReLU, poolings and reshapes, a factor can be moved from the one
to the other without changing what the network computes. (M. Nagel, M. van Baalen, T. Blankevoort
and M. Welling, Data-Free Quantization Through Weight Equalization and Bias Correction, 2019,
https://arxiv.org/abs/1906.04721, equations 7 to 11.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.frozen_graph import Network, fold_constants, node_name
from mnist_edge import DIGIT_SHAPE
from mnist_edge.training.frameworks import import_tensorflow

_LINEAR = {"MatMul", "Conv2D"}
_ADDING = {"BiasAdd", "AddV2"}
_PASSING = {"Relu", "MaxPool", "AvgPool", "Identity", "Reshape"}
"""Operations through which a factor of a channel passes; a ReLU alone bends the channel."""


def equalize(network: Network) -> Network | None:
    """A network that gives the same answers, its channels of like size.

    Returns:
        None where no two layers follow each other so that a factor can be moved.
    """
    folded = fold_constants(network)
    graph = folded.graph
    editor = _Editor(graph)
    pairs = [
        (first, second)
        for node in graph.node
        if (second := editor.linear(node)) and (first := editor.before(second))
    ]
    for first, second in pairs:
        editor.balance(first, second)
    equalized = folded
    digits = np.random.RandomState(0).uniform(size=(8, *DIGIT_SHAPE)).astype(np.float32)
    same = np.allclose(equalized.run(digits), network.run(digits), rtol=1e-3, atol=1e-3)
    return equalized if pairs and same else None


@dataclass(frozen=True, kw_only=True)
class _Linear:
    """A matrix product or a convolution with constant weights."""

    node: Any
    kernel: Any
    """The ``Const`` of its weights; inputs are the last axis but one, outputs the last."""
    biases: tuple[Any, ...] = ()
    """Each ``Const`` that is added to its output."""


class _Editor:
    """Finds layers in a ``GraphDef`` and changes their weights in place."""

    def __init__(self, graph: Any) -> None:
        self.nodes = {node.name: node for node in graph.node}
        self.uses: dict[str, int] = {}
        for node in graph.node:
            for reference in node.input:
                # A shape is asked for, and a control edge drawn, whatever the values.
                if node.op != "Shape" and not reference.startswith("^"):
                    name = node_name(reference)
                    self.uses[name] = self.uses.get(name, 0) + 1

    def linear(self, node: Any) -> _Linear | None:
        """The layer of a node; None where it is none, or shares its weights."""
        # Asking a node for an attribute that it does not have would give it one.
        turned = node.op == "MatMul" and (node.attr["transpose_a"].b or node.attr["transpose_b"].b)
        if node.op not in _LINEAR or turned:
            return None
        kernel = self._constant(node.input[1])
        return _Linear(node=node, kernel=kernel) if kernel is not None else None

    def before(self, layer: _Linear) -> _Linear | None:
        """The layer whose output reaches another through nothing that changes its channels."""
        node = self._input(layer.node)
        biases: list[Any] = []
        while node is not None and self.uses[node.name] == 1:
            if node.op in _LINEAR:
                first = self.linear(node)
                if first is None or not self._fit(first, layer):
                    return None
                return replace(first, biases=tuple(biases))
            if node.op in _ADDING:
                constant = self._constant(node.input[1])
                if constant is None or self._value(constant).ndim != 1:
                    return None
                biases.append(constant)
            elif node.op not in _PASSING or biases:
                return None
            node = self._input(node)
        return None

    def balance(self, first: _Linear, second: _Linear) -> None:
        """Moves a factor for each channel, so that both layers' weights have the same range."""
        outgoing, incoming = self._value(first.kernel), self._value(second.kernel)
        channels = outgoing.shape[-1]
        # Behind a reshape a channel feeds many rows: the channel is the fastest of the indices.
        rows = incoming.reshape(-1, channels, incoming.shape[-1])
        large = np.abs(outgoing).reshape(-1, channels).max(axis=0)
        small = np.abs(rows).max(axis=(0, 2))
        # A channel that is not used, or is always zero, stays.
        alive = (large > 0) & (small > 0)
        factor = np.where(alive, np.sqrt(large / np.where(alive, small, 1)), 1).astype(np.float32)
        self._set(first.kernel, outgoing / factor)
        for bias in first.biases:
            self._set(bias, self._value(bias) / factor)
        self._set(second.kernel, (rows * factor[:, None]).reshape(incoming.shape))

    def _fit(self, first: _Linear, second: _Linear) -> bool:
        """Whether the channels that one gives are those that the other takes."""
        channels = self._value(first.kernel).shape[-1]
        taken = self._value(second.kernel).shape[-2]
        # A flattened picture has each channel once for every place.
        return taken == channels or (second.node.op == "MatMul" and taken % channels == 0)

    def _input(self, node: Any) -> Any:
        return self.nodes.get(node_name(node.input[0])) if node.input else None

    def _constant(self, reference: str) -> Any:
        """The ``Const`` behind a reference that nothing else reads."""
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
