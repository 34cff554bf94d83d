"""Plan where each tensor lies in one buffer, so that they overlap.

A layer computes its output from the first value to the last, and needs ever less of its input: the
output may lie a little below the input and overwrite what is no longer needed (M. Blacker and
others, "DMO: Diagonal Memory Optimisation", https://arxiv.org/abs/2010.01668).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from converters.c.layers import (
    Add,
    AveragePool,
    Conv,
    Depthwise,
    Lookup,
    MaxPool,
)
from converters.c.program import Layer, Program
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """The place of each tensor in the buffer."""

    offsets: dict[int, int]
    """The first byte of each tensor."""
    size: int
    """Bytes of the buffer."""


def plan_memory(program: Program) -> MemoryPlan:
    """Find the smallest buffer for which a place is found for each tensor."""
    distances = [_distance(layer) for layer in program.layers]
    lives = _last_uses(program)
    low, high = max(program.sizes.values()), sum(program.sizes.values())
    best: dict[int, int] | None = None
    while best is None or low < high:
        size = (low + high) // 2 if best is not None else high
        found = _place(program, distances, lives, size)
        if found is None:
            low = size + 1
        else:
            best, high = found, size
    return MemoryPlan(offsets=best, size=high)


def _last_uses(program: Program) -> dict[int, int]:
    """Return the position of the last layer that reads each tensor."""
    lives = {
        index: position for position, layer in enumerate(program.layers) for index in layer.inputs
    }
    lives[program.output] = len(program.layers)
    return lives


def _place(
    program: Program, distances: Sequence[int], lives: Mapping[int, int], size: int
) -> dict[int, int] | None:
    """Find a place for each tensor in a buffer of ``size`` bytes, if there is one.

    A depth-first search over the layers, that tries for each output the few places that touch an
    end of the buffer or another tensor.
    """
    sizes, failed = program.sizes, set()

    def live(offsets: dict[int, int], position: int) -> dict[int, int]:
        return {index: at for index, at in offsets.items() if lives.get(index, -1) >= position}

    def search(offsets: dict[int, int], position: int) -> dict[int, int] | None:
        if position == len(program.layers):
            return offsets
        held = live(offsets, position)
        state = (position, tuple(sorted(held.items())))
        if state in failed:
            return None
        layer = program.layers[position]
        for place in _candidates(layer, distances[position], held, sizes, size):
            if _fits(layer, place, distances[position], held, sizes, lives, position):
                found = search({**offsets, layer.output: place}, position + 1)
                if found is not None:
                    return found
        failed.add(state)
        return None

    starts = dict.fromkeys((size - sizes[program.input], 0))
    return next(
        (
            found
            for start in starts
            if start >= 0 and (found := search({program.input: start}, 0)) is not None
        ),
        None,
    )


def _candidates(
    layer: Layer, distance: int, held: Mapping[int, int], sizes: Mapping[int, int], size: int
) -> Iterator[int]:
    own = sizes[layer.output]
    places = {0, size - own}
    for index, at in held.items():
        places |= {at - own, at + sizes[index]}
        if index in layer.inputs:
            places.add(at - distance)
    return (place for place in sorted(places) if 0 <= place <= size - own)


def _fits(
    layer: Layer,
    place: int,
    distance: int,
    held: Mapping[int, int],
    sizes: Mapping[int, int],
    lives: Mapping[int, int],
    position: int,
) -> bool:
    own = sizes[layer.output]
    for index, at in held.items():
        if place + own <= at or at + sizes[index] <= place:
            continue
        # An input that nothing later reads may be overwritten from behind.
        if index not in layer.inputs or lives[index] > position or place > at - distance:
            return False
    return True


def _distance(layer: Layer) -> int:
    """Return how many bytes below its input a layer's output must at least begin."""
    kind = layer.kind
    if isinstance(kind, Lookup | Add):
        return 0
    windows = _windows(layer)
    if windows is None:
        return math.prod(layer.after)
    _, width, depth = layer.before
    rows, columns = _first_rows_and_columns(windows, layer)
    lowest = (rows[:, np.newaxis] * width + columns).ravel() * depth
    # What is read from here on.
    needed = np.minimum.accumulate(lowest[::-1])[::-1]
    written = np.arange(1, len(needed) + 1) * layer.after[2]
    return int((written - needed).max())


def _windows(layer: Layer) -> SlidingWindows | None:
    kind = layer.kind
    return kind.windows if isinstance(kind, Conv | Depthwise | MaxPool | AveragePool) else None


def _first_rows_and_columns(
    windows: SlidingWindows, layer: Layer
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the first row and the first column of the input that each output depends on."""
    pool = layer.kind.pool if isinstance(layer.kind, Conv) else None
    firsts = []
    for axis in (0, 1):
        outputs = np.arange(layer.after[axis])
        if pool is not None:
            outputs = np.maximum(outputs * pool.strides[axis] - pool.pads[axis][0], 0)
        firsts.append(np.maximum(outputs * windows.strides[axis] - windows.pads[axis][0], 0))
    return firsts[0], firsts[1]
