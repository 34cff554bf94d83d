"""Each signature's graph is made the first of its file."""

from __future__ import annotations

import pytest

from mnist_edge.errors import MnistEdgeError
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.signature_graphs import other_signatures
from tests.support.paths import TINY

CONTENT = (TINY / "signatures.tflite").read_bytes()


def test_another_signatures_graph_becomes_the_first_and_nothing_else_changes() -> None:
    ((name, content),) = other_signatures(CONTENT)
    assert name == "infer"
    assert len(content) == len(CONTENT)
    # The distance to a graph, and the count of signatures.
    assert sum(one != other for one, other in zip(CONTENT, content, strict=True)) <= 8
    assert Interpreter(content).signature is None
    assert list(other_signatures(content)) == []


def test_a_model_of_one_graph_has_no_other_signature() -> None:
    assert list(other_signatures((TINY / "regression-float32.tflite").read_bytes())) == []


def test_a_damaged_file_is_refused_or_yields_what_is_refused() -> None:
    for place in range(4, 1_600):
        damaged = bytearray(CONTENT)
        damaged[place : place + 4] = b"\xff\xff\xff\xff" if place % 2 else b"\xf0\xff\xff\x7f"
        try:
            found = list(other_signatures(bytes(damaged)))
        except MnistEdgeError:
            continue
        assert all(len(content) == len(CONTENT) for _, content in found)


def test_a_model_without_a_signature_for_digits_is_refused_for_its_first_graph() -> None:
    with pytest.raises(MnistEdgeError, match="takes a tensor of shape"):
        Interpreter((TINY / "wide.tflite").read_bytes())
