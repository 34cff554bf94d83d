from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import calibration, conversion, schemes, source, tflite, verify
from mnist_edge import modelstore
from mnist_edge.dataset import Mnist
from mnist_edge.errors import (
    ConversionError,
    InvalidModel,
    InvalidValue,
    ModelNotFound,
    NotWritable,
    UnknownName,
    UnsuitableModel,
)
from mnist_edge.evaluation import compare
from mnist_edge.training import trainer
from mnist_edge.training.backend import import_keras, import_tensorflow
from mnist_edge.training.recipes import RECIPES, find_recipe
from mnist_edge.trial import Trial, try_model
from recorder import Train

DROP_BOUND = 1.0
"""Percentage points: ten digits of a thousand."""
LEAST_AGREEMENT = 0.95
"""Share of equal answers of a model hardly trained; a planted fault leaves less than half."""


def _converted(
    name: str, train: Train, digits: Mnist, folder: Path, *, max_drop: float = DROP_BOUND
) -> tuple[NDArray[np.float32], list[tuple[schemes.Scheme, Trial]]]:
    """A recipe briefly trained: Keras' logits of the test digits, and each scheme's trial."""
    recipe = find_recipe(name)
    brief: dict[str, Any] = {"epochs": 2} if recipe.epochs else {"steps": 200}
    train(replace(recipe, **brief), folder)
    keras_file = folder / trainer.MODEL_FILE
    every = schemes.find_schemes(["all"])
    made = list(conversion.convert(keras_file, folder, every, digits, max_drop=max_drop))
    assert [one.manifest.scheme for one in made] == list(modelstore.SCHEMES)
    assert all(one.manifest.recipe == name for one in made)
    trials = [
        try_model(modelstore.load(one.path).content, digits.test.images, name=name) for one in made
    ]
    reference = trainer.evaluate(source.load_source(keras_file).model, digits.test)
    return reference, list(zip(every, trials, strict=True))


# Keras notices the softmax before a loss that applies its own: that mistake is the recipe's point.
keras_notices_the_mistake = pytest.mark.filterwarnings("ignore:.*from_logits=True.*:UserWarning")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {"softmax-l2-both-mistakes"}))
def test_every_scheme_keeps_the_accuracy_of_every_recipe(
    name: str, train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    reference, trials = _converted(name, train, small_mnist, tmp_path)
    for scheme, trial in trials:
        assert trial.runtime.startswith("tflite-runtime 2.14")
        assert trial.input.dtype == trial.output.dtype == scheme.io_dtype
        compared = compare(reference, trial.logits, small_mnist.test.labels)
        assert abs(compared.drop) <= DROP_BOUND
        # A model that learnt little has little to drop, but still answers as it did.
        assert compared.agreement > LEAST_AGREEMENT


@pytest.mark.slow
def test_a_recipe_that_learns_nothing_keeps_its_probabilities_to_a_step(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    # All its probabilities are about 0.1, and int8 has but 1/256 to tell them by: which is the
    # largest is no answer to keep, the probabilities are.
    reference, trials = _converted(
        "softmax-l2-both-mistakes", train, small_mnist, tmp_path, max_drop=100.0
    )
    for scheme, trial in trials:
        assert trial.input.dtype == trial.output.dtype == scheme.io_dtype
        step = trial.output.scale or 1e-3
        assert np.abs(trial.logits - reference).max() <= 1.5 * step


def test_float32_on_the_device_gives_the_logits_that_keras_gives(
    nano: Path, small_mnist: Mnist
) -> None:
    model = source.load_source(nano / "model.keras").model
    content = tflite.to_tflite(model, schemes.float32(), small_mnist.train.images[:10])
    device = try_model(content, small_mnist.validation.images, name="nano").logits
    keras = trainer.evaluate(model, small_mnist.validation)
    np.testing.assert_allclose(device, keras, atol=1e-3)


def test_converting_the_committed_model_again_gives_the_committed_bytes(
    nano: Path, mnist: Mnist
) -> None:
    model = source.load_source(nano / "model.keras").model
    images = calibration.draw(mnist).images
    for scheme in schemes.find_schemes(["all"]):
        content = tflite.to_tflite(model, scheme, images)
        committed = (nano / f"{scheme.name}.tflite").read_bytes()
        assert hashlib.sha256(content).hexdigest() == hashlib.sha256(committed).hexdigest()


def _edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    """A ``.tflite`` with something in its flatbuffer changed."""
    import_tensorflow()
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    edit(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _wrong_input_zero_point(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.zeroPoint = np.array([0])


def _lost_weight_scale(model: Any) -> None:
    # The last dense layer's weights, every other output ten times as large.
    graph = model.subgraphs[0]
    weights = graph.tensors[graph.operators[-1].inputs[1]].quantization
    weights.scale = np.array(
        [scale * (10 if row % 2 else 1) for row, scale in enumerate(weights.scale)], np.float32
    )


def _lost_input_scale(model: Any) -> None:
    # The interpreter then quantizes pixels as if they had been divided by 255 already.
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([1 / 255], np.float32)


@pytest.mark.parametrize("fault", [_wrong_input_zero_point, _lost_weight_scale, _lost_input_scale])
def test_verification_catches_a_planted_fault(
    fault: Callable[[Any], None], nano: Path, small_mnist: Mnist
) -> None:
    model = source.load_source(nano / "model.keras").model
    reference = trainer.evaluate(model, small_mnist.validation)
    sound = (nano / "int8.tflite").read_bytes()
    verify.verify(sound, schemes.int8(), reference=reference, validation=small_mnist.validation)
    faulty = _edited(sound, fault)
    logits = try_model(faulty, small_mnist.validation.images, name="faulty").logits
    planted = compare(reference, logits, small_mnist.validation.labels)
    assert planted.drop > 10 * DROP_BOUND
    assert planted.agreement < LEAST_AGREEMENT
    with pytest.raises(ConversionError, match="points of validation accuracy"):
        verify.verify(
            faulty,
            schemes.int8(),
            reference=reference,
            validation=small_mnist.validation,
        )


def test_verification_names_every_violation_at_once(nano: Path, small_mnist: Mnist) -> None:
    model = source.load_source(nano / "model.keras").model
    reference = trainer.evaluate(model, small_mnist.validation)
    with pytest.raises(ConversionError) as caught:
        verify.verify(
            (nano / "float32.tflite").read_bytes(),
            schemes.int8(),
            reference=np.eye(10, dtype=np.float32)[small_mnist.validation.labels],
            validation=small_mnist.validation,
            max_drop=-1.0,
        )
    assert reference.shape == (1_000, 10)
    for violation in ("its input is float32", "its output is float32", "validation accuracy"):
        assert violation in str(caught.value)


def test_a_failed_verification_writes_nothing(
    nano: Path, small_mnist: Mnist, tmp_path: Path
) -> None:
    made = conversion.convert(
        nano / "model.keras", tmp_path, [schemes.int8()], small_mnist, max_drop=-5.0
    )
    with pytest.raises(ConversionError, match="nothing was written"):
        list(made)
    assert list(tmp_path.iterdir()) == []


def test_calibration_is_drawn_from_training_digits_alone_evenly_and_seeded(mnist: Mnist) -> None:
    drawn = calibration.draw(mnist, count=505, seed=3)
    again = calibration.draw(mnist, count=505, seed=3)
    other = calibration.draw(mnist, count=505, seed=4)
    assert drawn.record == again.record
    assert np.array_equal(drawn.images, again.images)
    assert drawn.record.indices_sha256 != other.record.indices_sha256
    training = {image.tobytes() for image in mnist.train.images}
    assert all(image.tobytes() in training for image in drawn.images)
    labels = {
        image.tobytes(): label
        for image, label in zip(mnist.train.images, mnist.train.labels, strict=True)
    }
    counts = np.bincount([labels[image.tobytes()] for image in drawn.images], minlength=10)
    assert counts.sum() == 505
    assert set(counts) == {50, 51}


@pytest.mark.parametrize(("count", "seed"), [(9, 1), (10**6, 1), (500, -1), (500, 2**32)])
def test_calibration_settings_outside_their_range_are_refused(
    count: int, seed: int, mnist: Mnist
) -> None:
    with pytest.raises(InvalidValue):
        calibration.draw(mnist, count=count, seed=seed)


def test_schemes_come_in_one_order_whatever_the_order_asked_for() -> None:
    assert [s.name for s in schemes.find_schemes(["int8", "float32"])] == ["float32", "int8"]
    assert len(schemes.find_schemes(["all"])) == 5
    assert tuple(schemes.SCHEMES) == modelstore.SCHEMES
    assert all(make().name == name for name, make in schemes.SCHEMES.items())
    with pytest.raises(UnknownName, match="choose one of float32"):
        schemes.find_schemes(["int4"])


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
        source.load_source(path)
    assert "(32, 32)" in str(caught.value)
    assert "(11,)" in str(caught.value)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (784,)])
def test_every_shape_of_784_pixels_converts(
    shape: tuple[int, ...], small_mnist: Mnist, tmp_path: Path
) -> None:
    path = _save(tmp_path / "foreign.keras", shape, 10)
    made = conversion.convert(path, tmp_path, [schemes.int8()], small_mnist, max_drop=5.0)
    (one,) = made
    assert one.manifest.recipe == "foreign.keras"
    assert one.manifest.seed is None
    assert one.manifest.input.shape == (1, *shape)
    modelstore.load(one.path)


def test_what_is_no_keras_file_is_an_error_of_one_line(tmp_path: Path, nano: Path) -> None:
    truncated = tmp_path / "truncated.keras"
    truncated.write_bytes((nano / "model.keras").read_bytes()[:5_000])
    text = tmp_path / "text.keras"
    text.write_text("<html>not a model</html>")
    empty = tmp_path / "empty.keras"
    empty.touch()
    for path in (truncated, text, empty):
        with pytest.raises(InvalidModel) as caught:
            source.load_source(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelNotFound, match="mnist-edge train"):
        source.find_keras_file(tmp_path)


def test_an_unwritable_folder_is_refused_before_any_work(
    nano: Path, small_mnist: Mnist, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(NotWritable, match="choose another place"):
        list(
            conversion.convert(
                nano / "model.keras", in_the_way / "below", [schemes.int8()], small_mnist
            )
        )
