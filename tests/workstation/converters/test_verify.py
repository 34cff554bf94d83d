from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import conversion, schemes, verify
from converters.calibration_set import draw_calibration_set
from converters.conversion import Prepared
from converters.operators import DEFAULT_TARGET
from mnist_edge.errors import ConversionError
from mnist_edge.metrics.paired import compare
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support.conversions import (
    DROP_BOUND,
    LEAST_AGREEMENT,
    convert_all,
    edit_model,
    lose_weight_scale,
    sound_model,
)
from tests.support.paths import NANO


def _wrong_input_zero_point(model: Any) -> None:
    graph = model.subgraphs[0]
    # Paper then looks like ink; with a smaller shift, nano still reads 98 of 100.
    graph.tensors[graph.inputs[0]].quantization.zeroPoint = np.array([127])


def _lost_input_scale(model: Any) -> None:
    # The interpreter then quantizes pixels as if they had been divided by 255 already.
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([1 / 255], np.float32)


def _verify(
    content: bytes,
    prepared: Prepared,
    *,
    scheme: schemes.Scheme | None = None,
    target: str = DEFAULT_TARGET,
) -> verify.Verification:
    return verify.verify_conversion(
        content,
        scheme or schemes.int8(),
        unstripped=content,
        reference=prepared.reference,
        validation=prepared.mnist.validation,
        target=target,
    )


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_wrong_input_zero_point, lose_weight_scale, _lost_input_scale])
def test_verification_catches_a_planted_fault(
    fault: Callable[[Any], None], prepared: Prepared
) -> None:
    validation = prepared.mnist.validation
    assert _verify(sound_model(), prepared).gate is None
    faulty = edit_model(sound_model(), fault)
    logits = run_sandboxed(faulty, validation.images, name="faulty").logits
    planted = compare(prepared.reference, logits, validation.labels)
    assert planted.drop > 10 * DROP_BOUND
    assert planted.agreement < LEAST_AGREEMENT
    with pytest.raises(ConversionError, match="points of validation accuracy") as caught:
        _verify(faulty, prepared)
    assert "digits of which the Keras model is confident" in str(caught.value)


def _constant(model: Any) -> None:
    # All weights of the last dense layer equal its zero point.
    graph = model.subgraphs[0]
    buffer = model.buffers[graph.tensors[graph.operators[-1].inputs[1]].buffer]
    buffer.data = np.zeros_like(buffer.data)


def _scaled_output(factor: float) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        quantization = graph.tensors[graph.outputs[0]].quantization
        quantization.scale = np.asarray(quantization.scale, np.float32) * np.float32(factor)

    return edit


def _new_version(model: Any) -> None:
    graph = model.subgraphs[0]
    model.operatorCodes[graph.operators[-1].opcodeIndex].version = 12


def _custom(model: Any) -> None:
    graph = model.subgraphs[0]
    code = model.operatorCodes[graph.operators[3].opcodeIndex]
    code.builtinCode, code.customCode = 32, b"MyPool"
    code.deprecatedBuiltinCode = 32


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (_constant, "its logits are the same for every digit"),
        (_scaled_output(0.25), r"output is saturated: \d+\.\d % of digits .* at 127"),
        (_scaled_output(8.0), r"output uses \d+ % of the int8 range"),
        (
            _new_version,
            r"tflite-runtime==2.14.0 knows FULLY_CONNECTED up to version 10, the model has "
            r"version 12 \(at '.*'\); quantize with --weights per-tensor, or choose a newer "
            "--target",
        ),
        (_custom, "MyPool at '.*' is not a builtin operator"),
    ],
)
def test_verification_names_a_planted_fault(
    fault: Callable[[Any], None], message: str, prepared: Prepared
) -> None:
    with pytest.raises(ConversionError, match=message) as caught:
        _verify(edit_model(sound_model(), fault), prepared)
    assert "\n" not in str(caught.value)


def test_a_float_operator_inside_int8_is_named_after_its_layer(
    prepared: Prepared, tmp_path: Path
) -> None:
    # TensorFlow leaves operators without integer kernels in float; here it is told to leave all.
    mixed = replace(schemes.float32(), calibrated=True)
    (error,) = conversion.convert_each(
        prepared, tmp_path, [mixed], calibration=draw_calibration_set(prepared.mnist)
    )
    assert isinstance(error, ConversionError)
    # The file that was verified has no names inside.
    assert re.search(r"CONV_2D at '[^']*/Relu' \(and 5 more\) computes in floats", str(error))
    assert list(tmp_path.iterdir()) == []


def test_verification_names_every_violation_at_once(prepared: Prepared) -> None:
    shuffled = replace(prepared, reference=prepared.reference[::-1])
    with pytest.raises(ConversionError) as caught:
        _verify((NANO / "float32.tflite").read_bytes(), shuffled)
    for violation in (
        "its input is float32",
        "its output is float32",
        "is confident",
        "computes in floats",
    ):
        assert violation in str(caught.value)


def test_a_failed_verification_writes_nothing(prepared: Prepared, tmp_path: Path) -> None:
    wrong = replace(prepared, reference=prepared.reference[::-1])
    with pytest.raises(ConversionError, match="nothing was written"):
        convert_all(wrong, tmp_path, [schemes.int8()])
    assert list(tmp_path.iterdir()) == []
