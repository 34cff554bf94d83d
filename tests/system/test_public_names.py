from __future__ import annotations

import subprocess
import sys
from inspect import isclass
from types import ModuleType

import pytest

import mnist_edge
from mnist_edge import errors


def test_the_public_names_are_these() -> None:
    assert mnist_edge.__all__ == [
        "CLASSES",
        "DIGIT_SHAPE",
        "DIGIT_SIDE",
        "Classifier",
        "FoundDigit",
        "MnistEdgeError",
        "Page",
        "Prediction",
        "__version__",
    ]
    assert dir(mnist_edge) == sorted(mnist_edge.__all__)
    for name in mnist_edge.__all__:
        assert not isinstance(getattr(mnist_edge, name), ModuleType)
    with pytest.raises(AttributeError, match="no attribute 'Regressor'"):
        _ = mnist_edge.Regressor


def test_the_package_imports_nothing_heavy_by_itself() -> None:
    program = "import sys, mnist_edge; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not {"numpy", "PIL", "typer", "tflite_runtime", "tensorflow"} & set(ran.stdout.split())


def raised() -> list[type[errors.MnistEdgeError]]:
    return [
        error
        for error in vars(errors).values()
        if isclass(error) and issubclass(error, errors.MnistEdgeError)
    ]


def test_the_documented_tree_of_errors_is_the_real_one() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        words = line.strip(" │├└─").split()
        if words and words[0] in vars(errors):
            # Four columns a level, after four of margin.
            level = (line.index(words[0]) - 4) // 4
            above[level:] = [words[0]]
            drawn[words[0]] = above[level - 1] if level else "Exception"
    assert drawn == {
        error.__name__: error.__base__.__name__ for error in raised() if error.__base__
    }


def test_wrong_usage_exits_with_2_a_missed_gate_with_3_and_everything_else_with_1() -> None:
    for error in raised():
        missed = 3 if error is errors.AccuracyLost else 1
        assert error.exit_code == (2 if issubclass(error, errors.UsageError) else missed)


def test_an_unknown_name_lists_the_known_ones() -> None:
    error = errors.UnknownName("scheme", "tiny", ["int8", "int16x8"])
    assert str(error) == "unknown scheme 'tiny': choose one of int8, int16x8"
    close = errors.UnknownName("scheme", "int7", ["int8", "int16x8"])
    assert str(close).startswith("unknown scheme 'int7' (did you mean 'int8'?): choose one of")
