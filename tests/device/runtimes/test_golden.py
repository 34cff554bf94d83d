from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.errors import InvalidManifest, ModelRejected
from mnist_edge.modelstore import SCHEMES, loading
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import Golden, ModelManifest
from mnist_edge.runtimes.golden import (
    decode_golden,
    encode_golden,
    require_golden_answers,
    run_self_test,
)
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.selection import describe_runtime, using_runtime
from tests.support.paths import NANO

INPUTS = np.random.default_rng(1).integers(0, 256, (16, 28, 28), np.uint8)


def answered(scheme: str = "int8") -> tuple[StoredModel, NDArray[Any]]:
    """Return a shipped model and its outputs on the installed runtime."""
    model = loading.load_model(NANO, scheme=scheme)
    interpreter = Interpreter(model.content)
    return model, np.stack([interpreter.raw_output(digit) for digit in INPUTS])


def with_golden(
    model: StoredModel, outputs: NDArray[Any], *, given_by: str = "", tolerance: float = 3
) -> StoredModel:
    assert model.manifest is not None
    packed = encode_golden(
        INPUTS, outputs, runtime=given_by or describe_runtime(), tolerance=tolerance
    )
    return replace(model, manifest=replace(model.manifest, golden=packed))


def off_by(outputs: NDArray[Any], steps: int) -> NDArray[Any]:
    """Move one output of the fourth vector toward the middle of the range."""
    moved = outputs.copy()
    moved[3, 2] += -steps if outputs[3, 2] > 0 else steps
    return moved


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_model_with_the_same_answers_passes(scheme: str) -> None:
    found = run_self_test(with_golden(*answered(scheme)))
    assert found is not None
    assert found.passed
    assert found.steps.tolist() == [0] * 16
    assert found.runtime == found.golden_runtime == describe_runtime()


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_the_same_runtime_must_give_the_same_integers(scheme: str) -> None:
    model, outputs = answered(scheme)
    found = run_self_test(with_golden(model, off_by(outputs, 1)))
    assert found is not None
    assert not found.passed
    assert found.allowed == 0
    assert np.flatnonzero(found.steps).tolist() == [3]


def test_a_model_with_different_answers_is_refused() -> None:
    model, outputs = answered()
    assert require_golden_answers(replace(model, manifest=None), name="it") is None
    passed = require_golden_answers(with_golden(model, outputs), name="it")
    assert passed is not None
    assert passed.passed
    with pytest.raises(
        ModelRejected, match="it differs from its golden vectors by up to 1 steps, 0 allowed"
    ):
        require_golden_answers(with_golden(model, off_by(outputs, 1)), name="it")


@pytest.mark.parametrize(("steps", "passed"), [(3, True), (4, False)])
def test_another_runtime_may_differ_by_the_tolerance(steps: int, passed: bool) -> None:
    model, outputs = answered()
    found = run_self_test(with_golden(model, off_by(outputs, steps), given_by="another 1.0"))
    assert found is not None
    assert found.steps.max() == steps
    assert found.passed == passed


def test_floats_may_differ_by_the_tolerance_in_steps_of_their_range() -> None:
    model, outputs = answered("float32")
    for share, passed in ((2.5, True), (3.5, False)):
        moved = outputs + np.float32(share * float(np.ptp(outputs)) / 255)
        found = run_self_test(with_golden(model, moved))
        assert found is not None
        assert found.passed == passed
        assert found.steps.max() == pytest.approx(share, rel=0.01)


def test_a_nan_in_the_golden_outputs_fails() -> None:
    model, outputs = answered("float32")
    outputs[3, 2] = np.nan
    found = run_self_test(with_golden(model, outputs))
    assert found is not None
    assert not found.passed


def test_numpy_gives_the_integers_of_the_tflite_runtime() -> None:
    model = with_golden(*answered())
    with using_runtime("numpy"):
        found = run_self_test(model)
    assert found is not None
    assert found.runtime.startswith("numpy")
    assert found.steps.max() == 0


def test_a_model_without_golden_vectors_has_no_result(tiny: Path) -> None:
    model = loading.load_model(NANO)
    assert model.manifest is not None
    assert run_self_test(replace(model, manifest=replace(model.manifest, golden=None))) is None
    assert run_self_test(loading.load_model(tiny / "quadrants-int8.tflite")) is None


def test_golden_vectors_go_through_the_manifest_on_disk(tmp_path: Path) -> None:
    model = with_golden(*answered())
    assert model.manifest is not None
    shutil.copy(model.path, tmp_path)
    (tmp_path / "int8.json").write_text(model.manifest.to_json())
    found = run_self_test(loading.load_model(tmp_path))
    assert found is not None
    assert found.passed


def test_a_manifest_from_before_golden_vectors_is_read_and_written_without_them() -> None:
    document = json.loads((NANO / "int8.json").read_text())
    document.pop("golden", None)
    text = json.dumps(document, indent=2) + "\n"
    manifest = ModelManifest.from_json(text, source=NANO)
    assert manifest.golden is None
    assert manifest.to_json() == text


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": 7},
        {"outputs": None},
        {"runtime": []},
        {"tolerance": "3"},
        {"tolerance": -1},
        {"tolerance": float("nan")},
        {"tolerance": float("inf")},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_whose_vectors_have_wrong_fields_is_refused(change: dict[str, object]) -> None:
    model = with_golden(*answered())
    assert model.manifest is not None
    document = json.loads(model.manifest.to_json())
    document["golden"].update(change)
    with pytest.raises(InvalidManifest, match="is not a manifest"):
        ModelManifest.from_json(json.dumps(document), source=NANO)


def deflated(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: replace(packed, inputs=packed.inputs[: len(packed.inputs) // 8 * 4]),
        lambda packed: replace(packed, outputs="no base64!"),
        lambda packed: replace(packed, inputs=deflated(bytes(784 * 15))),
        lambda packed: replace(packed, inputs=deflated(bytes(783))),
        lambda packed: replace(packed, inputs=deflated(b""), outputs=deflated(b"")),
        lambda packed: replace(packed, inputs=deflated(bytes(1 << 22))),
    ],
    ids=["truncated", "words", "fewer", "part", "none", "bomb"],
)
def test_damaged_golden_vectors_are_an_error_with_advice(
    damage: Callable[[Golden], Golden],
) -> None:
    model = with_golden(*answered())
    assert model.manifest is not None
    assert model.manifest.golden is not None
    damaged = replace(model.manifest, golden=damage(model.manifest.golden))
    with pytest.raises(InvalidManifest, match=r"golden vectors of .*convert the model again"):
        run_self_test(replace(model, manifest=damaged))


@pytest.mark.slow
@given(text=st.text(max_size=40) | st.binary(max_size=60).map(deflated))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    model, outputs = loading.load_model(NANO), np.zeros((1, 10), np.int8)
    assert model.manifest is not None
    packed = encode_golden(INPUTS[:1], outputs, runtime="any", tolerance=0)
    for damaged in (replace(packed, inputs=text), replace(packed, outputs=text)):
        with suppress(InvalidManifest):
            decode_golden(damaged, model.manifest.output, name="any")
