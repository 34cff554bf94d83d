from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from converters.c.memory import plan_memory
from converters.c.program import Layer, Program, build_program
from tests.support.paths import NANO, ROOT, TINY

PATHS = [
    *sorted((ROOT / "models").glob("*/int8.tflite")),
    *(TINY / f"operators-{name}.tflite" for name in ("added", "depthwise", "mean", "padded")),
]


def lives(program: Program, position: int) -> set[int]:
    """The tensors that are needed after the layer at a position, besides its output."""
    later = {index for layer in program.layers[position + 1 :] for index in layer.inputs}
    written = {program.input} | {layer.output for layer in program.layers[:position]}
    return (later | {program.output}) & written


def steps(program: Program) -> Iterator[tuple[int, Layer]]:
    yield from enumerate(program.layers)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_layer_writes_over_what_a_later_one_reads(path: object) -> None:
    from pathlib import Path

    assert isinstance(path, Path)
    program = build_program(path.read_bytes())
    plan = plan_memory(program)

    def span(index: int) -> set[int]:
        start = plan.offsets[index]
        return set(range(start, start + program.sizes[index]))

    for position, layer in steps(program):
        for kept in lives(program, position):
            assert not span(kept) & span(layer.output)
        for one, two in combinations(set(layer.inputs), 2):
            assert not span(one) & span(two)
    everything = set().union(*(span(index) for index in program.sizes))
    assert everything == set(range(max(everything) + 1))
    assert plan.size == max(everything) + 1


def test_the_plan_of_nano_is_smaller_than_its_two_largest_neighbors() -> None:
    program = build_program((NANO / "int8.tflite").read_bytes())
    neighbors = [
        sum(program.sizes[index] for index in {*layer.inputs, layer.output})
        for layer in program.layers
    ]
    assert max(neighbors) == 784 + 14 * 14 * 8
    assert plan_memory(program).size < max(neighbors)
    assert np.all(np.array(list(plan_memory(program).offsets.values())) >= 0)
