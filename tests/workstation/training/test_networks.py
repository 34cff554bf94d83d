"""What the shipped models' recipes are made of: changed digits, no digits, averages, statistics."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training import networks, optimizers, recipes, trainer, training_record
from mnist_edge.training.augmentation import distorted
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.losses import NO_DIGIT, cross_entropy, digits_only, distillation_targets
from mnist_edge.training.normalization import measure_statistics, with_fused_normalization
from mnist_edge.training.outliers.generator import HELD_OUT_KINDS, KINDS, TRAINING_KINDS
from tests.support.recorder import Train

LOGITS = np.array([[4.0, *[0.0] * 9], [0.0, 2.0, *[0.0] * 8], [1.5] * 10], np.float32)


def _changed(digits: Digits, seed: int) -> NDArray[np.uint8]:
    return distorted(digits, np.random.RandomState(seed))


def test_most_digits_are_rewritten_and_the_same_seed_writes_the_same(small_mnist: Mnist) -> None:
    digits = small_mnist.train.take(np.arange(2_000))
    changed = _changed(digits, 1)
    assert changed.shape == digits.images.shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(changed, _changed(digits, 1))
    assert not np.array_equal(changed, _changed(digits, 2))
    alone = (changed == digits.images).all(axis=(1, 2))
    assert 0.25 < alone.mean() < 0.35
    # Ink is moved, grows and shrinks, but stays in the picture.
    ratio = changed.sum(axis=(1, 2), dtype=float) / digits.images.sum(axis=(1, 2), dtype=float)
    assert 0.9 < np.median(ratio) < 1.1
    assert ratio.min() > 0.2
    assert ratio.std() > 0.1


@pytest.mark.parametrize(("label", "gains"), [(7, True), (1, True), (0, False)])
def test_some_sevens_are_barred_and_some_ones_hooked(
    label: int, gains: bool, small_mnist: Mnist
) -> None:
    digits = small_mnist.train
    digits = digits.take(np.flatnonzero(digits.labels == label))
    # The same chance for digits that are named otherwise leaves the strokes out.
    unnamed = replace(digits, labels=np.full_like(digits.labels, 5))
    ink, plain = (_changed(each, 3).sum(axis=(1, 2), dtype=float) for each in (digits, unnamed))
    assert (ink.mean() > 1.005 * plain.mean()) == gains


def test_the_loss_of_a_digit_is_kerass_and_of_no_digit_its_distance_from_evenness() -> None:
    keras = import_keras()
    loss = cross_entropy(reduction="sum_over_batch_size")
    labels = np.array([0, 1, 9], np.uint8)
    reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(labels, LOGITS)) == pytest.approx(float(reference(labels, LOGITS)), rel=1e-6)
    for row, logits in enumerate(LOGITS):
        value = float(loss(np.array([NO_DIGIT]), LOGITS[row : row + 1]))
        even = math.log(np.exp(logits.astype(float)).sum()) - logits.mean() - math.log(10)
        assert value == pytest.approx(even, abs=1e-5)
    assert float(loss(np.array([NO_DIGIT]), LOGITS[2:])) == pytest.approx(0, abs=1e-6)


def test_teachers_count_their_share_of_the_loss() -> None:
    keras = import_keras()
    labels = np.array([0, 1, NO_DIGIT], np.uint8)
    taught = np.full((3, 10), 0.02, np.float32)
    taught[[0, 1, 2], [0, 2, 3]] = 0.82
    loss = cross_entropy(reduction="none", alpha=0.7, temperature=2.0)
    of_labels = cross_entropy(reduction="none")(labels, LOGITS)
    taught[1, 0] += taught[1, 9]
    taught[1, 9] = 0
    own = keras.ops.softmax(LOGITS / 2)
    of_teachers = keras.losses.KLDivergence(reduction="none")(taught, own)
    mixed = 0.3 * np.asarray(of_labels) + 0.7 * 4 * np.asarray(of_teachers)
    losses = np.asarray(loss(distillation_targets(labels, taught), LOGITS))
    np.testing.assert_allclose(losses, mixed, rtol=1e-5)


@pytest.mark.parametrize("taught", [False, True])
def test_metrics_are_of_the_labels_and_pass_over_what_is_no_digit(*, taught: bool) -> None:
    keras = import_keras()
    metric = digits_only(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))
    labels = np.array([0, 2, NO_DIGIT], np.uint8)
    targets = distillation_targets(labels, np.eye(10, dtype=np.float32)[:3]) if taught else labels
    metric.update_state(targets, LOGITS)
    assert float(metric.result()) == pytest.approx(0.5)
    assert metric.name == "accuracy"


def test_averaged_adam_averages_the_weights_it_passes() -> None:
    keras = import_keras()
    variable = keras.Variable(np.array([1.0, -2.0], np.float32))
    optimizer = optimizers.averaged_adam_one_cycle(0.01, 10, 100)
    optimizer.build([variable])
    average = np.array([1.0, -2.0])
    for step in range(60):
        gradient = np.array([0.01 * step, -0.02], np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        decay = min(0.998, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * np.asarray(variable)
    np.testing.assert_allclose(np.asarray(optimizer.averages[0]), average, rtol=1e-4)
    assert not np.allclose(average, np.asarray(variable), rtol=1e-3)


def test_fused_normalization_computes_what_keras_does(small_mnist: Mnist) -> None:
    keras = import_keras()
    plain = networks.nano_cnn()
    fused = with_fused_normalization(plain)
    pixels = small_mnist.train.images[:64, ..., np.newaxis].astype(np.float32)
    for training in (True, False):
        ours, theirs = (np.asarray(model(pixels, training=training)) for model in (fused, plain))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    names = [layer.name for layer in plain.layers]
    assert names == [layer.name for layer in fused.layers]
    for ours, theirs in zip(fused.weights, plain.weights, strict=True):
        # TensorFlow's kernel divides by one less than the number of pixels.
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=2e-3, atol=1e-4)
    assert keras.backend.backend() != "tensorflow" or fused is not plain


def test_measured_statistics_are_the_means_over_the_batches(small_mnist: Mnist) -> None:
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.BatchNormalization()])
    (layer,) = model.layers
    layer.moving_mean.assign(np.array([1e6], np.float32))
    images = small_mnist.train.images[:300, ..., np.newaxis]
    measure_statistics(model, (images[start : start + 100] for start in (0, 100, 200)))
    parts = images.reshape(3, -1).astype(np.float64)
    assert float(layer.moving_mean[0]) == pytest.approx(parts.mean(), rel=1e-4)
    assert float(layer.moving_variance[0]) == pytest.approx(parts.var(axis=1).mean(), rel=1e-3)
    assert layer.momentum == pytest.approx(0.99)


@pytest.mark.slow
def test_the_saved_model_has_the_averages_and_statistics_that_were_validated(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    recipe = replace(recipes.nano(), epochs=2, outlier_ratio=0.1)
    record = train(recipe, tmp_path)
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    logits = trainer.predict_logits(model, small_mnist.validation)
    accuracy = float((logits.argmax(axis=1) == small_mnist.validation.labels).mean())
    assert accuracy == pytest.approx(record.validation_accuracy)
    # Chance is 10 %.
    assert accuracy > 0.4


def test_kinds_are_either_taught_or_held_out() -> None:
    assert set(HELD_OUT_KINDS) | set(TRAINING_KINDS) == set(KINDS)
    assert not set(HELD_OUT_KINDS) & set(TRAINING_KINDS)
    assert len(HELD_OUT_KINDS) >= 5
