"""Replace operations of a frozen graph by ones that convert to integers, with the same results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph_nodes import behind_identities, constant_value, node_name
from mnist_edge.training.frameworks import import_tensorflow

_FAKE_QUANTIZATION = {
    "FakeQuantWithMinMaxArgs",
    "FakeQuantWithMinMaxVars",
    "FakeQuantWithMinMaxVarsPerChannel",
    "QuantizeAndDequantizeV2",
    "QuantizeAndDequantizeV3",
    "QuantizeAndDequantizeV4",
}
"""Operations by which quantization-aware training rounds weights and activations."""


def fold_reciprocal_roots(graph: Any) -> None:
    """Replace each constant reciprocal root by its value.

    Every batch normalization has one. TensorFlow uses the processor's own approximation, whose last
    bits differ between Intel and AMD, and with them the converted file.
    """
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op != "Rsqrt" or (value := constant_value(node.input[0], nodes)) is None:
            continue
        with np.errstate(all="ignore"):  # values not above 0 are reported as broken weights
            _make_constant(node, (1 / np.sqrt(value.astype(np.float64))).astype(value.dtype))


def split_by_slices(graph: Any) -> None:
    """Replace each split whose parts' sizes are known by slices.

    GRU cells have two in each step. TFLite has no integers for a split into parts of given sizes,
    and leaves an even one in floats, or not, by chance.
    """
    nodes = {node.name: node for node in graph.node}
    parts = {}
    for node in [one for one in graph.node if one.op in {"Split", "SplitV"}]:
        if node.op == "SplitV":
            whole, sizes, axes = node.input[0], *(constant_value(r, nodes) for r in node.input[1:3])
        else:
            axes, whole = constant_value(node.input[0], nodes), node.input[1]
            sizes = _even_sizes(whole, node.attr["num_split"].i, nodes)
        if sizes is None or axes is None or (node.op == "Split" and int(axes) not in {1, -1}):
            continue
        for number in range(len(sizes)):
            part = f"{node.name}/part_{number}"
            bounds = (
                _border(sizes[:number], sizes[number:]),
                _border(sizes[: number + 1], sizes[number + 1 :]),
            )
            _add_slice(graph, part, whole, int(axes), bounds, kind=node.attr["T"].type)
            parts[node.name if number == 0 else f"{node.name}:{number}"] = part
        graph.node.remove(node)
    for node in graph.node:
        for index, reference in enumerate(node.input):
            if reference in parts:
                node.input[index] = parts[reference]


def _even_sizes(reference: str, count: int, nodes: dict[str, Any]) -> NDArray[Any] | None:
    """Return the sizes of a matrix's columns split evenly; None if their number is unknown."""
    columns = _columns(reference, nodes)
    return None if columns is None else np.full(count, columns // count)


def _columns(reference: str, nodes: dict[str, Any]) -> int | None:
    """Return the number of columns of a product of matrices, and of one with something added."""
    node = behind_identities(nodes[node_name(reference)], nodes)
    if node.op == "MatMul" and not node.attr["transpose_b"].b:
        weights = constant_value(node.input[1], nodes)
        return None if weights is None else int(weights.shape[-1])
    if node.op in {"BiasAdd", "Add", "AddV2"}:
        return _columns(node.input[0], nodes)
    return None


def _border(before: NDArray[Any], after: NDArray[Any]) -> int | None:
    """Return the index between two parts, counted from the end behind a part of any size (-1)."""
    return int(before.sum()) if (before >= 0).all() else -int(after.sum()) or None


def _add_slice(
    graph: Any,
    name: str,
    whole: str,
    axis: int,
    bounds: tuple[int | None, int | None],
    *,
    kind: Any,
) -> None:
    """Add a slice of ``whole``, which is ``values[..., start:end]`` where the axis is the last."""
    sections = [_ALL] * axis + [_PART] if axis >= 0 else [_REST, _PART] + [_ALL] * (-axis - 1)
    begin, end = np.zeros(len(sections), np.int32), np.zeros(len(sections), np.int32)
    at = sections.index(_PART)
    begin[at], end[at] = bounds[0] or 0, bounds[1] or 0
    vectors = {"begin": begin, "end": end, "strides": np.ones_like(begin)}
    for key, vector in vectors.items():
        _make_constant(graph.node.add(name=f"{name}/{key}"), vector)
    node = graph.node.add(name=name, op="StridedSlice")
    node.input.extend([whole, *(f"{name}/{key}" for key in vectors)])
    node.attr["T"].type = kind
    node.attr["Index"].type = import_tensorflow().int32.as_datatype_enum
    for mask, section in (("begin_mask", _ALL), ("end_mask", _ALL), ("ellipsis_mask", _REST)):
        node.attr[mask].i = sum(1 << index for index, one in enumerate(sections) if one == section)
    if bounds[1] is None:
        node.attr["end_mask"].i |= 1 << at


_PART, _ALL, _REST = "start:end", ":", "..."
"""What of each axis a slice takes."""


def remove_fake_quantization(graph: Any, entry: str) -> tuple[float, float] | None:
    """Remove what rounds weights and activations: the file is quantized by its own ranges.

    Args:
        graph: changed in place.
        entry: name of the input's node.

    Returns:
        The range that the input was rounded in, if it was.
    """
    nodes = {node.name: node for node in graph.node}
    input_range = None
    for node in graph.node:
        if node.op not in _FAKE_QUANTIZATION:
            continue
        limits = [constant_value(reference, nodes) for reference in node.input[1:3]]
        known = [float(limit) for limit in limits if limit is not None and limit.size == 1]
        if behind_identities(nodes[node_name(node.input[0])], nodes).name == entry and known[1:]:
            input_range = known[0], known[1]
        dtype = node.attr["T"].type or import_tensorflow().float32.as_datatype_enum
        del node.input[1:]
        node.op = "Identity"
        node.attr.clear()
        node.attr["T"].type = dtype
    return input_range


def _make_constant(node: Any, value: Any) -> None:
    tensor = import_tensorflow().make_tensor_proto(value)
    node.op = "Const"
    del node.input[:]
    node.attr.clear()
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)
