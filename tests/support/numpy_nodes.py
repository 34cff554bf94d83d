"""Operators of the numpy runtime, made without a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable
from mnist_edge.runtimes.numpy_backend.model_graph import Tensor
from mnist_edge.runtimes.numpy_backend.node import Node


def a_tensor(
    shape: tuple[int, ...],
    *,
    dtype: str = "int8",
    scale: float = 0.5,
    zero_point: int = 0,
    data: NDArray[Any] | None = None,
) -> Tensor:
    return Tensor(
        shape=shape,
        dtype=dtype,
        scales=np.array([scale], np.float32),
        zero_points=np.array([zero_point]),
        axis=0,
        data=data,
    )


def a_node(**parts: Any) -> Node:
    """An ADD of four values, but for the parts that are given."""
    tensor = a_tensor((1, 4))
    options = FlatbufferTable(b"", 0)
    given = {"input": tensor, "output": tensor, "constants": (), "options": options, **parts}
    return Node(name="ADD", **given)
