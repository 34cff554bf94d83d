"""Nodes of a frozen graph are found by reference, and constants by value."""

from __future__ import annotations

import numpy as np
import pytest

from converters.graph_nodes import all_nodes, behind_identities, constant_value, node_name
from mnist_edge.training.frameworks import import_tensorflow


@pytest.mark.parametrize("reference", ["layer/kernel", "layer/kernel:1", "^layer/kernel"])
def test_a_reference_names_its_node(reference: str) -> None:
    assert node_name(reference) == "layer/kernel"


def test_a_sum_of_constants_has_a_value_whatever_passes_it_on() -> None:
    tensorflow = import_tensorflow()
    with tensorflow.Graph().as_default() as graph:
        one = tensorflow.constant([1.0, 2.0])
        total = tensorflow.identity(tensorflow.raw_ops.AddV2(x=tensorflow.identity(one), y=one))
        unknown = tensorflow.compat.v1.placeholder(tensorflow.float32) + one
    nodes = {node.name: node for node in all_nodes(graph.as_graph_def())}
    assert behind_identities(nodes[total.op.name], nodes).op == "AddV2"
    value = constant_value(total.name, nodes)
    assert value is not None
    np.testing.assert_array_equal(value, [2.0, 4.0])
    assert constant_value(unknown.name, nodes) is None
