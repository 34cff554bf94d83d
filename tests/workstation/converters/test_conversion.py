from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import conversion, loader, schemes, tf_converter
from converters.accuracy_gate import AccuracyGate
from converters.calibration_set import draw_calibration_set
from converters.conversion import Converted, Prepared
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import AccuracyLost, ConversionError, NotWritable, UnsuitableModel
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import MIN_COVERAGE, choose_threshold, fit_temperature, softmax
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore import SCHEMES, loading
from mnist_edge.modelstore.manifest import OperatingPoints
from mnist_edge.runtimes import scaling_ranking
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import SandboxRun, run_sandboxed
from mnist_edge.training import training_record
from mnist_edge.training.frameworks import import_keras, import_tensorflow
from mnist_edge.training.recipes import RECIPES, find_recipe
from tests.support.conversions import DROP_BOUND, LEAST_AGREEMENT, NO_DIGITS, convert_all
from tests.support.paths import NANO
from tests.support.peers import run_on_litert
from tests.support.recorder import Train

RELEASED = ("edge", "nano", "micro")
"""The models that are committed with their weights and the files of all schemes."""
NETWORKS = {build().network: name for name, build in sorted(RECIPES.items(), reverse=True)}
"""A recipe of each network."""
TEACHERS = ("edge-teacher", "wide", "wide-kernels", "wide-residual")
"""Recipes whose networks only teach; their layers are those of the others, with more filters."""
TRAINED = sorted({*NETWORKS.values()} - {*RELEASED} - {*TEACHERS})
"""Recipes of the networks of which nothing is committed to be converted."""

Answers = list[tuple[schemes.Scheme, SandboxRun]]
"""What each scheme's file answers."""


def _require_same_accuracy(
    reference: NDArray[np.float32], answers: Answers, folder: Path, digits: Digits
) -> None:
    """Check each scheme's answers against Keras' logits, and on a later runtime."""
    files = [folder / f"{scheme.name}.tflite" for scheme, _ in answers]
    for (scheme, trial), litert in zip(answers, run_on_litert(files, digits.images), strict=True):
        assert compare(trial.logits, litert, digits.labels).agreement > 0.99
        assert trial.runtime.startswith("tflite-runtime 2.14")
        assert trial.input.dtype == trial.output.dtype == scheme.io_dtype
        compared = compare(reference, trial.logits, digits.labels)
        assert abs(compared.drop) <= DROP_BOUND
        # A hardly trained model has little accuracy to lose, but its answers stay the same.
        assert compared.agreement > LEAST_AGREEMENT


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_every_scheme_keeps_the_accuracy_of_every_network(
    name: str, train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    recipe = find_recipe(name)
    brief: dict[str, Any] = {"epochs": 2} if recipe.epochs else {"steps": 200}
    train(replace(recipe, **brief), tmp_path)
    every = schemes.find_schemes(["all"])
    prepared = conversion.prepare(tmp_path / training_record.MODEL_FILE, small_mnist)
    assert prepared.scaling.name == "pixels"
    converted = convert_all(prepared, tmp_path, every, gate=AccuracyGate(max_drop_point=DROP_BOUND))
    assert [model.manifest.scheme for model in converted] == list(SCHEMES)
    assert all(model.manifest.recipe == name for model in converted)
    # Their answers to the validation digits, on which the gate was, are kept.
    digits = small_mnist.validation
    trials = [
        run_sandboxed(loading.load_model(model.path).content, digits.images, name=name)
        for model in converted
    ]
    answers = list(zip(every, trials, strict=True))
    _require_same_accuracy(prepared.reference, answers, tmp_path, digits)


@pytest.mark.slow
@pytest.mark.parametrize("name", RELEASED)
def test_every_scheme_of_a_released_model_keeps_its_accuracy(name: str, small_mnist: Mnist) -> None:
    # That converting gives these files is the test after this.
    folder = NANO.with_name(name)
    prepared = conversion.prepare(folder / training_record.MODEL_FILE, small_mnist)
    assert prepared.scaling.name == "pixels"
    digits = small_mnist.test
    reference = conversion.keras_logits(prepared.model, prepared.scaling, digits)
    answers = []
    for scheme in schemes.find_schemes(["all"]):
        stored = loading.load_model(folder / f"{scheme.name}.tflite")
        assert stored.manifest
        assert (stored.manifest.scheme, stored.manifest.recipe) == (scheme.name, name)
        answers.append((scheme, run_sandboxed(stored.content, digits.images, name=name)))
    _require_same_accuracy(reference, answers, folder, digits)


@pytest.mark.slow
@pytest.mark.parametrize("name", RELEASED)
def test_converting_the_committed_model_again_gives_the_committed_bytes(
    name: str, small_mnist: Mnist, mnist: Mnist
) -> None:
    folder = NANO.with_name(name)
    prepared = conversion.prepare(folder / training_record.MODEL_FILE, small_mnist)
    for scheme in schemes.find_schemes(["all"]):
        content = tf_converter.to_tflite(
            prepared.model.network, prepared.scaling, scheme, draw_calibration_set(mnist).images
        )
        content = conversion.finish(content, recipe=prepared.model.recipe, scheme=scheme)
        committed = (folder / f"{scheme.name}.tflite").read_bytes()
        assert hashlib.sha256(content).hexdigest() == hashlib.sha256(committed).hexdigest()


@pytest.mark.slow
def test_confidence_is_fitted_to_the_device_runtimes_validation_logits(
    prepared: Prepared, tmp_path: Path
) -> None:
    digits = prepared.mnist.validation
    # The test split has no influence: without any test digits nothing changes.
    blind = replace(prepared, mnist=replace(prepared.mnist, test=digits.take(np.arange(0))))
    for converted in convert_all(
        blind, tmp_path, schemes.find_schemes(["all"]), gate=AccuracyGate(max_drop_point=DROP_BOUND)
    ):
        logits = run_sandboxed(converted.content, digits.images, name=str(converted.path)).logits
        manifest = loading.load_model(converted.path).manifest
        assert manifest is not None
        temperature = fit_temperature(logits, digits.labels)
        assert manifest.temperature == temperature
        probabilities = softmax(logits, temperature=temperature)
        assert manifest.calibration_error == calibration_error(probabilities, digits.labels)
        confidences = probabilities.max(axis=1)
        right = logits.argmax(axis=1) == digits.labels
        assert manifest.min_confidence == choose_threshold(confidences, right)
        assert (confidences >= manifest.min_confidence).mean() >= MIN_COVERAGE


@pytest.mark.slow
def test_a_missed_gate_writes_nothing_unless_kept(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(AccuracyLost, match=r"missed the gate.*nothing was written") as caught:
        convert_all(prepared, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=-5.0))
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []
    (kept,) = convert_all(
        prepared, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=-5.0), keep=True
    )
    assert kept.gate is not None
    loading.load_model(kept.path)


@pytest.mark.slow
def test_measurements_of_the_same_bytes_are_kept(prepared: Prepared, tmp_path: Path) -> None:
    gate = AccuracyGate(max_drop_point=DROP_BOUND)
    (first,) = convert_all(prepared, tmp_path, [schemes.int8()], gate=gate)
    measured = replace(
        first.manifest,
        test=replace(first.manifest.validation, total=10_000),
        operating_points=OperatingPoints(balanced=0.5, careful=0.75),
    )
    path = first.path.with_suffix(".json")
    path.write_text(measured.to_json(), encoding="utf-8")
    (again,) = convert_all(prepared, tmp_path, [schemes.int8()], gate=gate)
    assert again.manifest == measured
    other = replace(measured, sha256="0" * 64)
    path.write_text(other.to_json(), encoding="utf-8")
    (new,) = convert_all(prepared, tmp_path, [schemes.int8()], gate=gate)
    assert new.manifest == first.manifest


@pytest.mark.slow
def test_a_failed_scheme_does_not_stop_the_others(prepared: Prepared, tmp_path: Path) -> None:
    # TensorFlow does not support int16 input and output of an int8 model.
    impossible = replace(schemes.int8(), io_dtypes=("int16",), io_dtype="int16")
    outcomes = list(
        conversion.convert_each(
            prepared,
            tmp_path,
            [impossible, schemes.float32()],
            calibration=draw_calibration_set(prepared.mnist),
        )
    )
    assert isinstance(outcomes[0], ConversionError)
    assert isinstance(outcomes[1], Converted)
    assert outcomes[1].path.name == "float32.tflite"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(28, 28), (784,), (28, 28, 1)])
def test_a_saved_model_of_a_single_digit_gets_a_batch_of_one(
    shape: tuple[int, ...],
    prepared: Prepared,
    small_mnist: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tensorflow = import_tensorflow()
    module = tensorflow.Module()
    network = prepared.model.network
    module.digit = tensorflow.function(
        lambda digit: network(tensorflow.reshape(digit, (1, 28, 28, 1)))[0],
        input_signature=[tensorflow.TensorSpec(shape, tensorflow.float32)],
        autograph=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.saved_model.save(module, str(tmp_path / "single"), signatures=module.digit)
    # TensorFlow runs them one by one, with each scaling.
    monkeypatch.setattr(scaling_ranking, "SAMPLE_SIZE", 100)
    digits = replace(small_mnist, validation=small_mnist.validation.take(np.arange(100)))
    single = conversion.prepare(tmp_path / "single", digits)
    assert single.scaling is RAW_PIXELS
    np.testing.assert_allclose(single.reference, prepared.reference[:100], atol=1e-3)
    (converted,) = convert_all(
        single, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND)
    )
    assert converted.manifest.input.shape == (1, *shape)


def _save(path: Path, shape: tuple[int, ...], outputs: int) -> Path:
    keras = import_keras()
    model = keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(outputs)]
    )
    model.save(path)
    return path


def test_a_model_that_reads_no_digits_is_refused_with_every_reason(tmp_path: Path) -> None:
    path = _save(tmp_path / "wrong.keras", (32, 32), 11)
    with pytest.raises(UnsuitableModel) as caught:
        loader.load_trained_model(path, NO_DIGITS)
    assert "(32, 32)" in str(caught.value)
    assert "(11,)" in str(caught.value)


def test_an_unwritable_folder_is_an_error(prepared: Prepared, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(NotWritable, match="choose another place"):
        convert_all(prepared, in_the_way / "below", [schemes.float32()])
