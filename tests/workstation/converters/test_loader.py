from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import conversion, loader, schemes
from converters.accuracy_gate import AccuracyGate
from converters.calibration_set import CalibrationSet, draw_calibration_set
from converters.conversion import Converted, Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import MnistEdgeError, UnknownName
from mnist_edge.metrics.confidence import softmax
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import input_scaling, scaling_ranking
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training.frameworks import import_tensorflow
from tests.support import foreign_models
from tests.support.foreign_faults import FAULTS
from tests.support.foreign_models import SOUND, ForeignModel, dense_net, keras_2, keras_3, save
from tests.support.paths import PICTURES

HALF_A_POINT = 0.005
"""Of accuracy: five digits of the thousand."""
NAMES = {
    "x": "pixels",
    "x/255": "pixels/255",
    "1-x/255": "inverted/255",
    "x/127.5-1": "pixels/127.5-1",
    "x/255-0.5": "pixels/255-0.5",
    "(x/255-0.1307)/0.3081": "pixels-standardized",
    "normalize(x, axis=1)": "pixels-unit-columns",
}
"""This project's names of the published models' scalings."""
FINDING = re.compile(
    r"(\S+) \(log-loss \d\.\d\d(?: at temperature \S+)?, \d+\.\d %; "
    r"next (\S+), \d\.\d\d(?: at temperature \S+)?\): "
    r"taking \1; override with --pixels"
)
"""The line about the scaling that was found, and the runner-up."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published model and its preparation."""

    model: ForeignModel
    prepared: Prepared


Publish = Callable[[str], Published]


@pytest.fixture(scope="module")
def publish(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Build and prepare one of ``SOUND``, once for all tests."""

    @cache
    def build(name: str) -> Published:
        model = SOUND[name](tmp_path_factory.mktemp(name), small_mnist)
        return Published(model=model, prepared=conversion.prepare(model.path, small_mnist))

    return build


@pytest.fixture(scope="module")
def calibrated_on(small_mnist: Mnist) -> CalibrationSet:
    """More digits than by default, since hardly trained networks leave their ranges more often."""
    return draw_calibration_set(small_mnist, count=2_000)


def _to_int8(prepared: Prepared, folder: Path, calibrated_on: CalibrationSet) -> Converted:
    variant = conversion.requested_variant(prepared, schemes.int8(), calibrated_on)
    # The default is for five thousand digits: of one thousand it is three.
    return conversion.convert(
        prepared, folder, variant, gate=AccuracyGate(max_drop_point=100 * HALF_A_POINT)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_int8_takes_raw_pixels_and_keeps_the_accuracy_of_the_original(
    name: str,
    publish: Publish,
    calibrated_on: CalibrationSet,
    small_mnist: Mnist,
    tmp_path: Path,
) -> None:
    published = publish(name)
    converted = _to_int8(published.prepared, tmp_path, calibrated_on)
    stored = loading.load_model(converted.path)
    assert stored.manifest == converted.manifest
    assert converted.manifest.reading == published.prepared.scaling.name

    trial = run_sandboxed(stored.content, small_mnist.validation.images, name=name)
    assert trial.input.dtype == trial.output.dtype == "int8"
    assert trial.input.shape[0] == 1
    accuracy = (trial.logits.argmax(axis=1) == small_mnist.validation.labels).mean()
    assert accuracy >= published.model.accuracy - HALF_A_POINT
    # Probabilities are never below zero, and their logarithms never above.
    assert trial.logits.min() < 0 < trial.logits.max()


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_the_scaling_found_is_the_one_of_the_training(name: str, publish: Publish) -> None:
    model, prepared = publish(name).model, publish(name).prepared
    assert prepared.score.accuracy >= model.accuracy - HALF_A_POINT
    # Dropout leaves this model so underconfident that larger inputs suit it better.
    if name != "keras_2_1_h5":
        assert prepared.scaling.name == NAMES[model.reading]
    finding = FINDING.fullmatch(prepared.findings[0])
    assert finding
    assert finding[1] == prepared.scaling.name != finding[2]


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 / (1 + np.exp(-logits))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("tensorflow_2_8_h5", softmax),
        ("saved_model_keras_2", softmax),
        ("softmax_layer", softmax),
        ("softmax_twice", lambda logits: softmax(softmax(logits))),
        ("log_softmax", lambda logits: np.log(softmax(logits))),
        ("sigmoids", _sigmoid),
    ],
)
def test_only_the_final_activation_is_removed(
    name: str,
    activation: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    publish: Publish,
    small_mnist: Mnist,
) -> None:
    model, prepared = publish(name).model, publish(name).prepared
    images = small_mnist.test.images[:100]
    values = foreign_models.READINGS[model.reading](images).astype(np.float32)
    logits = prepared.model.network.run(values)
    np.testing.assert_allclose(activation(logits), _own_answers(model.path, values), atol=1e-5)


def _own_answers(path: Path, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a model without this project's code."""
    if path.is_dir():
        tensorflow = import_tensorflow()
        serve = tensorflow.saved_model.load(str(path)).signatures["serving_default"]
        (answers,) = serve(tensorflow.constant(values)).values()
    else:
        keras = keras_2() if path.suffix == ".h5" else keras_3()
        answers = keras.models.load_model(path, compile=False)(values)
    return np.asarray(answers, np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("logits_loss_after_softmax", "softmax twice.*from_logits=True"),
        ("logits_loss_after_softmax_h5", "softmax twice.*from_logits=True"),
        ("logits_loss_after_softmax_saved", "softmax twice.*from_logits=True"),
        ("softmax_twice", "softmax twice: the network ends in softmax after softmax"),
        ("probabilities_loss_on_logits", "no softmax.*from_logits=True"),
    ],
)
def test_an_extra_or_missing_softmax_is_a_warning(
    name: str, finding: str, publish: Publish
) -> None:
    named = [text for text in publish(name).prepared.findings if "softmax" in text]
    assert len(named) == 1
    assert re.match(f"warning: {finding}", named[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras_3_h5", "saved_model_keras_2", "log_softmax", "sigmoids"])
def test_a_model_that_fits_its_loss_has_no_softmax_warning(name: str, publish: Publish) -> None:
    assert "softmax" not in " ".join(publish(name).prepared.findings)


def _below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"no_builtin"}))
def test_an_unsuitable_model_is_refused_with_the_reason(
    name: str, small_mnist: Mnist, tmp_path: Path
) -> None:
    fault = FAULTS[name](tmp_path, small_mnist)
    before = _below(tmp_path)
    with pytest.raises(MnistEdgeError, match=fault.words) as caught:
        conversion.prepare(fault.path, small_mnist)
    assert "\n" not in str(caught.value)
    assert str(fault.path) in str(caught.value)
    # Code of the file would have created a file.
    assert _below(tmp_path) == before


@pytest.mark.slow
def test_a_layer_that_tflite_has_no_operator_for_is_named(
    small_mnist: Mnist, calibrated_on: CalibrationSet, tmp_path: Path
) -> None:
    fault = FAULTS["no_builtin"](tmp_path, small_mnist)
    prepared = conversion.prepare(fault.path, small_mnist)
    before = _below(tmp_path)
    with pytest.raises(MnistEdgeError, match=fault.words) as caught:
        _to_int8(prepared, tmp_path, calibrated_on)
    assert "\n" not in str(caught.value)
    assert _below(tmp_path) == before


@pytest.mark.slow
def test_code_beside_a_saved_model_is_not_run(
    publish: Publish, calibrated_on: CalibrationSet, tmp_path: Path
) -> None:
    published = publish("saved_model_with_lambda")
    model = published.model
    assert model.mark
    _to_int8(published.prepared, tmp_path, calibrated_on)
    assert not model.mark.exists()
    # Keras 2 runs the code: it does create the file.
    keras_2().models.load_model(model.path)
    assert model.mark.exists()


@pytest.mark.slow
def test_the_scaling_of_the_shipped_model_is_raw_pixels(nano: Path, small_mnist: Mnist) -> None:
    sample = small_mnist.validation.take(np.arange(scaling_ranking.SAMPLE_SIZE))
    origin = loader.load_trained_model(nano / "model.keras", sample.images)
    judgement = scaling_ranking.rank_scalings(origin.network.run, sample)
    assert judgement.is_clear
    assert judgement.best.scaling is input_scaling.RAW_PIXELS


@pytest.mark.slow
def test_a_scaling_given_by_the_user_is_not_checked(nano: Path, small_mnist: Mnist) -> None:
    prepared = conversion.prepare(nano / "model.keras", small_mnist, pixels="inverted")
    assert prepared.scaling.name == "inverted"
    assert not any(FINDING.search(finding) for finding in prepared.findings)
    own = conversion.prepare(nano / "model.keras", small_mnist)
    assert own.scaling is input_scaling.RAW_PIXELS
    assert prepared.score.accuracy < own.score.accuracy


def test_an_unknown_scaling_lists_the_known_ones(nano: Path, small_mnist: Mnist) -> None:
    with pytest.raises(UnknownName) as caught:
        conversion.prepare(nano / "model.keras", small_mnist, pixels="pixels/256")
    assert ", ".join(input_scaling.INPUT_SCALINGS) in str(caught.value)


@pytest.mark.slow
def test_a_model_that_normalizes_its_input_gets_the_simplest_scaling(
    small_mnist: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.LayerNormalization(epsilon=1e-9),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    accuracy = foreign_models.train(keras, model, small_mnist, "x/255")
    path = save(model, tmp_path / "standardizing.keras")
    prepared = conversion.prepare(path, small_mnist)
    assert prepared.scaling is input_scaling.RAW_PIXELS
    assert prepared.score.accuracy == pytest.approx(accuracy, abs=HALF_A_POINT)
    # The runner-up is the first that is not equivalent.
    finding = FINDING.fullmatch(prepared.findings[0])
    assert finding
    assert finding[2] in {"pixels-unit-columns", "pixels-unit-rows"}


def test_a_model_that_ignores_scaling_is_unambiguous(small_mnist: Mnist) -> None:
    sample = small_mnist.validation.take(np.arange(scaling_ranking.SAMPLE_SIZE))
    answers = 3 * np.eye(10, dtype=np.float32)[sample.labels]
    judgement = scaling_ranking.rank_scalings(lambda values: answers, sample)
    assert judgement.is_clear
    assert scaling_ranking.choose_scaling(judgement, name="anything") is input_scaling.RAW_PIXELS


@pytest.mark.slow
def test_a_model_of_low_accuracy_is_converted_with_a_warning(
    small_mnist: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = dense_net(keras)
    few = replace(small_mnist, train=small_mnist.train.take(np.arange(300)))
    accuracy = foreign_models.train(keras, model, few, "x/255", epochs=10)
    assert 0.6 < accuracy < scaling_ranking.GOOD_ACCURACY
    prepared = conversion.prepare(save(model, tmp_path / "poor.keras"), small_mnist)
    (warning,) = prepared.findings[1:]
    assert warning == (
        f"warning: the model reads {100 * accuracy:.1f} % of the validation digits right"
    )


def _mnist_edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_convert_then_predict(publish: Publish, tmp_path: Path) -> None:
    converted = _mnist_edge("convert", publish("keras_2_1_h5").model.path, "--out", tmp_path)
    assert converted.returncode == 0, converted.stderr
    assert [line.split()[0] for line in converted.stdout.splitlines()] == ["scheme", "int8"]
    finding, wrote = converted.stderr.splitlines()
    assert FINDING.fullmatch(finding)
    assert wrote == f"wrote {tmp_path / 'int8.tflite'}"

    picture = PICTURES / "mnist-seven.png"
    predicted = _mnist_edge("predict", "--model", tmp_path / "int8.tflite", picture)
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.startswith(f"{picture}: 7 (")
    assert predicted.stderr == ""


@pytest.mark.slow
def test_convert_refuses_in_one_line(small_mnist: Mnist, tmp_path: Path) -> None:
    fault = FAULTS["lambda_h5"](tmp_path, small_mnist)
    refused = _mnist_edge("convert", fault.path)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert str(fault.path) in refused.stderr
    assert list(tmp_path.iterdir()) == [fault.path]
