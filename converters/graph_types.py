"""Bring every number in a frozen graph to float32, the type that conversion starts from.

Networks trained under Keras' policies ``mixed_float16``, ``mixed_bfloat16`` or ``float64`` compute
in types that TFLite has few operators for, and a camera's network may take bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.graph_nodes import all_nodes, node_name
from mnist_edge.training.frameworks import import_tensorflow

_MOVING = {"Identity", "Reshape", "ExpandDims", "Squeeze", "Transpose"}
"""Operations that move values and do not change them."""


def widen_to_float32(graph: Any) -> None:
    """Replace float16, bfloat16 and float64 by float32 throughout a ``GraphDef``."""
    tensorflow = import_tensorflow()
    others = {
        dtype.as_datatype_enum
        for dtype in (tensorflow.float16, tensorflow.bfloat16, tensorflow.float64)
    }
    for function in graph.library.function:
        for argument in [*function.signature.input_arg, *function.signature.output_arg]:
            if argument.type in others:
                argument.type = tensorflow.float32.as_datatype_enum
    for node in all_nodes(graph):
        for value in node.attr.values():
            _widen(value, others)
        if node.op == "Cast" and node.attr["SrcT"].type == node.attr["DstT"].type:
            _make_identity(node)


def _widen(value: Any, others: set[int]) -> None:
    """Replace the types ``others`` by float32 in one attribute of a node."""
    tensorflow = import_tensorflow()
    single = tensorflow.float32.as_datatype_enum
    if value.type in others:
        value.type = single
    for index, dtype in enumerate(value.list.type):
        if dtype in others:
            value.list.type[index] = single
    if value.tensor.dtype in others:
        array = tensorflow.make_ndarray(value.tensor).astype(np.float32)
        value.tensor.CopyFrom(tensorflow.make_tensor_proto(array))


def take_floats(graph: Any, name: str) -> bool:
    """Let the input of a ``GraphDef`` take floats if it takes integers only to cast them.

    Args:
        graph: changed in place.
        name: the input's node.

    Returns:
        Whether the input took integers.
    """
    single = import_tensorflow().float32.as_datatype_enum
    nodes = {node.name: node for node in graph.node}
    entry = nodes[name]
    dtype = import_tensorflow().as_dtype(entry.attr["dtype"].type)
    if not dtype.is_integer:
        return False
    passing, casts = [entry.name], []
    for node in graph.node:
        if any(node_name(reference) in passing for reference in node.input):
            if node.op in _MOVING:
                passing.append(node.name)
            elif node.op == "Cast" and node.attr["DstT"].type == single:
                casts.append(node)
            elif node.op != "Shape":
                return True
    entry.attr["dtype"].type = single
    for node in graph.node:
        if node.name in passing[1:] or (
            node.op == "Shape" and any(node_name(reference) in passing for reference in node.input)
        ):
            node.attr["T"].type = single
    for node in casts:
        _make_identity(node)
    return True


def _make_identity(node: Any) -> None:
    dtype = node.attr["DstT"].type
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype
