from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import CheckpointMismatch, InvalidValue, UnknownName
from mnist_edge.training import networks, optimizers, recipes, trainer, training_record
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.recipes import RECIPES, find_recipe
from tests.support.recorder import Recorder, Train, weights


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    train: Train, tmp_path: Path
) -> None:
    recipe = recipes.mlp_dropout().with_epochs(1, 3_000)
    train(recipe, tmp_path / "first")
    train(recipe, tmp_path / "second")
    train(replace(recipe, seed=2), tmp_path / "other")
    first, second, other = (weights(tmp_path / name) for name in ("first", "second", "other"))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nano", "quick", "mlp-dropout", "mlp-ema"])
def test_a_resumed_run_ends_with_the_weights_of_one_never_interrupted(
    name: str, train: Train, tmp_path: Path
) -> None:
    # Batch statistics, dropout's seeds and averaged weights each have state of their own.
    recipe = find_recipe(name).with_epochs(3, 3_000)
    if recipe.steps:
        recipe = replace(recipe, validate_every=recipe.steps // 3)
    if recipe.outlier_ratio:
        recipe = replace(recipe, outlier_ratio=0.1)
    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "parts", listener=Recorder(stop_after_rounds=1))
    assert not (tmp_path / "parts" / training_record.MODEL_FILE).exists()
    listener = Recorder()
    resumed = train(recipe, tmp_path / "parts", resume=True, listener=listener)
    assert listener.starts[0][1] == whole.rounds[0]["step"]
    assert len(resumed.rounds) == len(whole.rounds) == 3
    for a, b in zip(weights(tmp_path / "whole"), weights(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "parts" / trainer.CHECKPOINT_FILE).exists()


def small_cnn() -> Any:
    """Build one batch-normalized convolution and a dense layer: TensorFlow traces it quickly."""
    layers = import_keras().layers
    return import_keras().Sequential(
        [
            import_keras().Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 5, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


@pytest.fixture
def taught() -> recipes.Recipe:
    """Small, with two teachers."""
    teacher = replace(recipes.nano(), network=small_cnn, epochs=2, outlier_ratio=0.1)
    teachers = tuple(replace(teacher, name="teacher", seed=seed) for seed in (1, 2))
    teaching = recipes.Distillation(teachers=teachers, alpha=0.8, temperature=2.0)
    return replace(teacher, name="taught", seed=3, distillation=teaching)


@pytest.mark.slow
def test_teachers_come_first_and_a_resumed_run_ends_with_the_same_weights(
    taught: recipes.Recipe, train: Train, tmp_path: Path
) -> None:
    listener = Recorder()
    record = train(taught, tmp_path / "whole", listener=listener)
    assert listener.networks == [(1, 3), (2, 3), (3, 3)]
    assert len(listener.rounds) == 6
    assert [teacher["seed"] for teacher in record.settings["teaching"]["teachers"]] == [1, 2]
    assert training_record.is_finished(tmp_path / "whole", taught)

    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        train(taught, parts, listener=Recorder(stop_after_rounds=3))
    middle, last = Recorder(stop_after_rounds=2), Recorder()
    with pytest.raises(KeyboardInterrupt):
        train(taught, parts, resume=True, listener=middle)
    train(taught, parts, resume=True, listener=last)
    # What is finished is not trained again, and the round before a stop is not lost.
    assert (middle.networks, last.networks) == ([(2, 3), (3, 3)], [(3, 3)])
    assert len(last.rounds) == 1
    for a, b in zip(weights(tmp_path / "whole"), weights(parts), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_network_learns_what_its_teacher_makes_of_the_digits(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    # Of fours that were labelled 9 its teacher cannot know better.
    labels = np.where(small_mnist.train.labels == 4, 9, small_mnist.train.labels)
    misled = replace(small_mnist, train=replace(small_mnist.train, labels=labels))
    teacher = replace(recipes.nano(), network=small_cnn, epochs=3, outlier_ratio=0)
    teaching = recipes.Distillation(teachers=(teacher,), alpha=1.0, temperature=2.0)
    recipe = replace(teacher, distillation=teaching)
    trainer.train(recipe, misled, tmp_path, resume=False, listener=Recorder())
    # The teacher stays, and the network is trained anew, with labels that are right.
    (tmp_path / training_record.RECORD_FILE).unlink()
    record = train(recipe, tmp_path, resume=True)
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    answers = trainer.predict_logits(model, small_mnist.validation).argmax(axis=1)
    assert (answers == 4).mean() < 0.02
    assert (answers == 9).mean() > 0.1
    assert record.validation_accuracy < 0.95


def test_resuming_with_other_settings_is_refused(train: Train, tmp_path: Path) -> None:
    recipe = recipes.softmax_l2().with_epochs(2, 3_000)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path, listener=Recorder(stop_after_rounds=1))
    with pytest.raises(CheckpointMismatch, match="other settings"):
        train(replace(recipe, learning_rate=0.5), tmp_path, resume=True)


def test_a_damaged_checkpoint_is_an_error_that_says_what_to_do(
    train: Train, tmp_path: Path
) -> None:
    recipe = recipes.softmax_l2().with_epochs(2, 3_000)
    (tmp_path / trainer.CHECKPOINT_FILE).write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CheckpointMismatch, match="without --resume"):
        train(recipe, tmp_path, resume=True)


def test_a_run_records_what_made_it(train: Train, tmp_path: Path) -> None:
    recipe = recipes.quick().with_epochs(2, 3_000)
    listener = Recorder()
    record = train(recipe, tmp_path, listener=listener)
    assert record.settings["name"] == "quick"
    assert record.settings["seed"] == recipe.seed
    assert record.data_sha256 == SHA256
    assert {"python", "keras", "numpy", "keras backend"} <= record.versions.keys()
    assert [entry["step"] for entry in record.rounds] == [12, 24]
    assert record.rounds == listener.rounds
    assert listener.steps == list(range(1, 25))
    assert record.seconds > 0
    assert training_record.is_finished(tmp_path, recipe)
    assert not training_record.is_finished(tmp_path, replace(recipe, seed=9))
    with Image.open(tmp_path / training_record.CURVES_FILE) as curves:
        assert min(curves.size) > 400
        assert len(set(curves.convert("L").tobytes())) > 20
    json.loads((tmp_path / training_record.RECORD_FILE).read_text())


@pytest.mark.slow
def test_softmax_1k_records_the_summed_loss_of_every_step(train: Train, tmp_path: Path) -> None:
    record = train(recipes.softmax_1k(), tmp_path)
    assert [step for step, _ in record.losses] == list(range(1, 1_001))
    losses = np.array([loss for _, loss in record.losses])
    # Summed over 100 digits: an untrained net with weights of N(0, 1) is far above 100 log 10.
    assert losses[0] > 100 * np.log(10)
    assert losses[-50:].mean() < losses[:50].mean() / 3
    # A round's loss is the mean of its steps'.
    assert record.rounds[0]["loss"] == pytest.approx(losses[:100].mean(), rel=1e-4)


def test_averaged_sgd_follows_the_published_formulas() -> None:
    keras = import_keras()
    variable = keras.Variable(np.array([1.0, -2.0], np.float32))
    optimizer = optimizers.averaged_sgd(0.8, 550, 30_000)
    optimizer.build([variable])
    value, average = np.array([1.0, -2.0]), np.array([1.0, -2.0])
    for step in range(200):
        gradient = np.array([0.01 * step, -0.02])
        rate = 0.8 * 0.99 ** (step / 550)
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
        value = value - rate * gradient
        decay = min(0.99, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * value
    np.testing.assert_allclose(np.asarray(variable), value, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(optimizer.averages[0]), average, rtol=1e-4)
    assert float(optimizer.mean_absolute_gradient) == pytest.approx(np.abs(gradient).mean())


def test_mlp_ema_is_evaluated_and_saved_with_its_averages(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    recipe = replace(recipes.mlp_ema(), steps=60, validate_every=30)
    record = train(recipe, tmp_path)
    assert all(entry["mean_absolute_gradient"] > 0 for entry in record.rounds)
    assert record.rounds[-1]["learning_rate"] == pytest.approx(0.8 * 0.99 ** (60 / 30))
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    logits = trainer.predict_logits(model, small_mnist.validation)
    accuracy = float((logits.argmax(axis=1) == small_mnist.validation.labels).mean())
    assert accuracy == pytest.approx(record.validation_accuracy)


@pytest.mark.parametrize(
    ("network", "factor"),
    [(networks.softmax_regression_small_start, 0.01), (networks.mlp_500, 1e-4)],
)
def test_weight_decay_is_half_the_sum_of_squares_and_spares_the_biases(
    network: recipes.BuildNetwork, factor: float
) -> None:
    model = network()
    expected = sum(
        factor * float((layer.kernel.numpy().astype(float) ** 2).sum()) / 2
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_takes_raw_pixels_and_gives_ten_numbers(
    name: str, small_mnist: Mnist
) -> None:
    model = find_recipe(name).network()
    logits = trainer.predict_logits(model, small_mnist.validation.take(np.arange(20)))
    assert logits.shape == (20, 10)
    assert np.isfinite(logits).all()
    twice = name in ("softmax-l2-softmax-twice", "softmax-l2-both-mistakes")
    assert np.allclose(logits.sum(axis=1), 1, atol=1e-4) == twice


@pytest.mark.slow
def test_softmax_twice_is_really_applied_twice(train: Train, tmp_path: Path) -> None:
    # Probabilities taken for logits leave even a perfect answer this much loss.
    least = np.log(np.e + 9) - 1
    recipe = replace(recipes.softmax_l2_softmax_twice(), epochs=3)
    record = train(recipe, tmp_path / "twice")
    assert record.rounds[-1]["cross_entropy"] > least
    once = train(replace(recipes.softmax_l2(), epochs=3), tmp_path / "once")
    assert once.rounds[-1]["cross_entropy"] < least


def test_initial_weights_are_the_articles() -> None:
    regression = networks.softmax_regression_small_start().layers[-1]
    wide = networks.softmax_regression_wide_start().layers[-1]
    assert np.std(regression.kernel.numpy()) == pytest.approx(0.1, rel=0.05)
    assert np.allclose(regression.bias.numpy(), 0.1)
    assert np.std(wide.kernel.numpy()) == pytest.approx(1.0, rel=0.05)
    hidden = networks.mlp_500().layers[2]
    assert np.abs(hidden.kernel.numpy()).max() <= 0.2 + 1e-6
    assert np.allclose(hidden.bias.numpy(), 0.1)


def test_a_recipe_checks_itself() -> None:
    recipe = recipes.quick()
    for change in (
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"epochs": 0},
        {"epochs": None},
        {"steps": 10},
        {"validate_every": 5},
        {"seed": -1},
    ):
        with pytest.raises(InvalidValue):
            replace(recipe, **change)
    with pytest.raises(InvalidValue):
        recipes.mlp_ema().with_epochs(0, 55_000)
    teaching = recipes.Distillation(teachers=(recipe,), alpha=0.5, temperature=2.0)
    for wrong in (
        {"teachers": ()},
        {"teachers": (replace(recipe, distillation=teaching),)},
        {"alpha": 0.0},
        {"alpha": 1.1},
        {"temperature": 0.0},
        {"temperature": float("nan")},
    ):
        with pytest.raises(InvalidValue):
            replace(teaching, **wrong)
    shorter = recipes.edge().with_epochs(2, 55_000)
    assert shorter.distillation
    assert [teacher.epochs for teacher in shorter.distillation.teachers] == [2, 2, 2]
    with pytest.raises(UnknownName, match="choose one of edge"):
        find_recipe("resnet")


def test_shifting_moves_a_digit_by_at_most_two_pixels_and_loses_nothing(
    small_mnist: Mnist,
) -> None:
    from mnist_edge.training.augmentation import shifted

    images = np.zeros((500, 28, 28), np.uint8)
    images[:, 10:12, 15] = 200
    digits = Digits(images=images, labels=np.zeros(500, np.uint8))
    moved = shifted(digits, np.random.RandomState(0))
    assert (moved.sum(axis=(1, 2)) == images.sum(axis=(1, 2))).all()
    rows, columns = np.nonzero(moved.any(axis=0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 13, 13, 17)


@pytest.mark.slow
def test_quick_learns(train: Train, tmp_path: Path) -> None:
    record = train(recipes.quick().with_epochs(6, 3_000), tmp_path)
    # Three thousand digits, six times: a net that learns is far above the 10 % of chance.
    assert 0.85 < record.validation_accuracy < 1
