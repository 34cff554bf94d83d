"""Read the nodes of a frozen TensorFlow graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from mnist_edge.training.frameworks import import_tensorflow


def all_nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a ``GraphDef`` and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def node_name(reference: str) -> str:
    """Return the name of the node behind a tensor's name or a node's input."""
    return reference.removeprefix("^").partition(":")[0]


def behind_identities(node: Any, nodes: dict[str, Any]) -> Any:
    """Return the first node before this one that changes a value.

    Args:
        node: where to begin.
        nodes: every node of the graph by name.
    """
    while node.op in {"Identity", "Cast"}:
        node = nodes[node_name(node.input[0])]
    return node


def constant_value(reference: str, nodes: dict[str, Any]) -> NDArray[Any] | None:
    """Return the value of a node's input if it is a constant or a sum of constants.

    Args:
        reference: the input.
        nodes: every node of the graph by name.
    """
    node = behind_identities(nodes[node_name(reference)], nodes)
    if node.op == "Const":
        value: NDArray[Any] = import_tensorflow().make_ndarray(node.attr["value"].tensor)
        return value
    if node.op not in {"Add", "AddV2"}:
        return None
    left, right = (constant_value(term, nodes) for term in node.input[:2])
    return None if left is None or right is None else left + right
