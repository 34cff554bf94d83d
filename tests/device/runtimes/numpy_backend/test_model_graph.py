from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import InvalidModel, UnsuitableModel
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.numpy_backend.model_graph import parse_graph
from mnist_edge.runtimes.selection import using_runtime
from tests.support.paths import NUMPY_MODELS


def test_the_test_models_cover_every_operator() -> None:
    from mnist_edge.runtimes.numpy_backend.executor import _KERNELS

    found = {
        operator.name
        for path in NUMPY_MODELS
        for operator in parse_graph(path.read_bytes()).operators
    }
    assert found == set(_KERNELS)


@pytest.mark.parametrize("name", ["float32", "float16", "dynamic", "int16x8"])
def test_a_model_that_is_not_int8_names_a_runtime_for_it(name: str, nano: Path) -> None:
    with using_runtime("numpy"), pytest.raises(UnsuitableModel) as refused:
        Interpreter((nano / f"{name}.tflite").read_bytes())
    said = str(refused.value)
    assert said.startswith("the numpy runtime runs int8 models")
    assert "pip install" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "said"), [("custom", "Mystery-Op:v2"), ("pair", "float32"), ("greedy", "16000000")]
)
def test_an_unsupported_model_is_refused_with_what_it_contains(
    name: str, said: str, tiny: Path
) -> None:
    with using_runtime("numpy"), pytest.raises((InvalidModel, UnsuitableModel), match=said):
        Interpreter((tiny / f"{name}.tflite").read_bytes())
