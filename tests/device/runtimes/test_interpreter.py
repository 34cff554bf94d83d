from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidModel, UnsuitableModel
from mnist_edge.inference.classifier import Classifier
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.interpreter import Interpreter, dequantize, quantization_table
from mnist_edge.runtimes.sandbox import open_model

INTEGERS = ("int8", "uint8", "int16")
FAR_BELOW = -100.0
"""Logit that the quadrants models give to 4..9."""


def spec(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec(shape=(1, 28, 28, 1), dtype=dtype, scale=scale, zero_point=zero_point)


@st.composite
def quantized_specs(draw: st.DrawFn) -> TensorSpec:
    dtype = draw(st.sampled_from(INTEGERS))
    limits = np.iinfo(dtype)
    # TFLite stores a scale as a float32.
    scale = draw(st.floats(2**-20, 300, width=32))
    return spec(dtype, scale, draw(st.integers(int(limits.min), int(limits.max))))


def round_and_clip(pixel: int, end: TensorSpec) -> int:
    """Quantize one pixel in exact fractions, rounding halves away from zero."""
    steps = math.floor(Fraction(pixel) / Fraction(end.scale) + Fraction(1, 2)) + end.zero_point
    limits = np.iinfo(end.dtype)
    return min(max(steps, int(limits.min)), int(limits.max))


@given(quantized_specs())
def test_pixels_are_quantized_with_round_and_clip(end: TensorSpec) -> None:
    table = quantization_table(end)
    assert table.dtype == end.dtype
    assert table.tolist() == [round_and_clip(pixel, end) for pixel in range(256)]


@pytest.mark.parametrize(
    ("end", "first_middle_last"),
    [
        (spec("int8", 1.0, -128), (-128, 0, 127)),
        (spec("uint8", 1.0, 0), (0, 128, 255)),
        (spec("int8", 2.0, -128), (-128, -64, 0)),
        (spec("int8", 0.5, -128), (-128, 127, 127)),
        (spec("int8", 256.0, 0), (0, 1, 1)),
        (spec("int16", 255 / 32_767, 0), (0, 16_448, 32_767)),
        (spec("float32", 0.0, 0), (0.0, 128.0, 255.0)),
    ],
)
def test_known_pixels_are_quantized_as_worked_out_by_hand(
    end: TensorSpec, first_middle_last: tuple[float, float, float]
) -> None:
    table = quantization_table(end)
    assert table.dtype == end.dtype
    assert (table[0], table[128], table[255]) == first_middle_last


@given(quantized_specs(), st.data())
def test_outputs_are_dequantized_without_wrapping_around(end: TensorSpec, data: Any) -> None:
    limits = np.iinfo(end.dtype)
    value = data.draw(st.integers(int(limits.min), int(limits.max)))
    found = dequantize(np.array([value], end.dtype), end)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(float((value - end.zero_point) * Fraction(end.scale)))


@pytest.mark.parametrize(
    ("dtype", "value", "zero_point", "steps"),
    [("int8", 127, -128, 255), ("uint8", 0, 255, -255), ("int16", 32_767, -32_768, 65_535)],
)
def test_the_widest_differences_from_the_zero_point_do_not_overflow(
    dtype: str, value: int, zero_point: int, steps: int
) -> None:
    assert dequantize(np.array([value], dtype), spec(dtype, 1.0, zero_point)).tolist() == [steps]


def test_float_outputs_are_not_changed() -> None:
    logits = np.array([-3.5, 0.25], np.float32)
    assert dequantize(logits, spec("float32", 0.0, 0)).tolist() == logits.tolist()


def quarters(digits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the logits of the quadrants models with numpy."""
    means = digits.reshape(-1, 2, 14, 2, 14).mean(axis=(2, 4)).reshape(-1, 4)
    return np.pad(means, ((0, 0), (0, 6)), constant_values=FAR_BELOW)


@pytest.mark.parametrize("kind", ["float32", *INTEGERS])
def test_a_model_of_any_dtype_gives_float_logits(
    kind: str, tiny: Path, test_digits: Digits
) -> None:
    interpreter = open_model(loading.load_model(tiny / f"quadrants-{kind}.tflite"))
    assert interpreter.input.dtype == interpreter.output.dtype == kind
    digits = test_digits.images[:20]
    logits = interpreter.logits(digits)
    assert logits.shape == (20, 10)
    assert logits.dtype == np.float32
    # The mean is rounded to a step of the input's, the logit to one of the output's.
    steps = interpreter.input.scale + interpreter.output.scale
    assert np.abs(logits - quarters(digits)).max() <= steps + 1e-3
    assert interpreter.raw_output(digits[0]).dtype == kind


def test_a_model_of_flat_input_is_accepted(tiny: Path, test_digits: Digits) -> None:
    flat = open_model(loading.load_model(tiny / "flat.tflite"))
    assert flat.input.shape == (1, 784)
    square = open_model(loading.load_model(tiny / "quadrants-float32.tflite"))
    digits = test_digits.images[:5]
    assert np.array_equal(flat.logits(digits), square.logits(digits))


def test_the_interpreter_prints_nothing(nano: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Interpreter((nano / "int8.tflite").read_bytes())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wide", r"takes a tensor of shape \(1, 32, 32, 1\); expected digits of 28x28"),
        ("eleven", r"returns a tensor of shape \(1, 11\); expected \(1, 10\) logits"),
        ("pair", "has 1 inputs and 2 outputs; expected 1 and 1"),
        ("whole", "input is int32 with scale 0.0; expected float32, or int8"),
    ],
)
def test_a_valid_model_of_other_shapes_is_unsuitable(name: str, said: str, tiny: Path) -> None:
    stored = loading.load_model(tiny / f"{name}.tflite")
    with pytest.raises(UnsuitableModel, match=said) as refused:
        Interpreter(stored.content)
    assert "\n" not in str(refused.value)
    with pytest.raises(UnsuitableModel, match=f"{name}.tflite: .*{said}") as refused:
        open_model(stored)
    assert "\n" not in str(refused.value)


def with_a_weight_that_is_no_number(content: bytes) -> bytes:
    """Put NaN into the middle of a float32 file, which is mostly weights."""
    place = len(content) // 8 * 4
    return content[:place] + np.float32(np.nan).tobytes() + content[place + 4 :]


def test_nan_logits_are_an_error(tiny: Path, tmp_path: Path, test_digits: Digits) -> None:
    path = tmp_path / "nan.tflite"
    path.write_bytes(
        with_a_weight_that_is_no_number((tiny / "regression-float32.tflite").read_bytes())
    )
    classifier = Classifier(path, pixels="pixels")
    for digits in (test_digits.images[:1], test_digits.images[:40]):
        with pytest.raises(InvalidModel, match="NaN or infinite"):
            classifier.predict_pixels(digits)
