from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import recipes, trainer, training_record, training_run
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.recipes import find_recipe
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
    if name == "nano":
        recipe = replace(recipe, network=small_cnn)
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
    """A small recipe with two teachers."""
    teacher = replace(recipes.nano(), network=small_cnn, epochs=2, outlier_ratio=0.1)
    teachers = tuple(replace(teacher, name="teacher", seed=seed) for seed in (1, 2))
    teaching = recipes.Distillation(teachers=teachers, alpha=0.8, temperature=2.0)
    return replace(teacher, name="taught", seed=3, distillation=teaching)


@pytest.mark.slow
def test_distillation_trains_teachers_first_and_resumes_exactly(
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
    # A finished network is not trained again, and the last complete round is kept.
    assert (middle.networks, last.networks) == ([(2, 3), (3, 3)], [(3, 3)])
    assert len(last.rounds) == 1
    for a, b in zip(weights(tmp_path / "whole"), weights(parts), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_student_learns_its_teachers_answers(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    # The teacher learns to call fours nines.
    labels = np.where(small_mnist.train.labels == 4, 9, small_mnist.train.labels)
    misled = replace(small_mnist, train=replace(small_mnist.train, labels=labels))
    teacher = replace(recipes.nano(), network=small_cnn, epochs=3, outlier_ratio=0)
    teaching = recipes.Distillation(teachers=(teacher,), alpha=1.0, temperature=2.0)
    recipe = replace(teacher, distillation=teaching)
    trainer.train(recipe, misled, tmp_path, resume=False, listener=Recorder())
    # The student is trained by the same teacher with correct labels.
    (tmp_path / training_record.RECORD_FILE).unlink()
    record = train(recipe, tmp_path, resume=True)
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    answers = training_run.predict_logits(model, small_mnist.validation).argmax(axis=1)
    assert (answers == 4).mean() < 0.02
    assert (answers == 9).mean() > 0.1
    assert record.validation_accuracy < 0.95


@pytest.mark.slow
def test_quick_learns(train: Train, tmp_path: Path) -> None:
    record = train(recipes.quick().with_epochs(6, 3_000), tmp_path)
    # Three thousand digits, six times: a net that learns is far above the 10 % of chance.
    assert 0.85 < record.validation_accuracy < 1


@pytest.mark.slow
def test_the_saved_model_is_the_one_that_was_validated(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    recipe = replace(recipes.nano(), epochs=2, outlier_ratio=0.1)
    record = train(recipe, tmp_path)
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    logits = training_run.predict_logits(model, small_mnist.validation)
    accuracy = float((logits.argmax(axis=1) == small_mnist.validation.labels).mean())
    assert accuracy == pytest.approx(record.validation_accuracy)
    # Chance is 10 %.
    assert accuracy > 0.4


@pytest.mark.slow
def test_the_duration_of_a_training_is_reported_before_it_begins(
    taught: recipes.Recipe, train: Train, tmp_path: Path
) -> None:
    class Stop(Recorder):
        def on_network(self, number: int, networks: int) -> None:
            raise KeyboardInterrupt

    listener = Stop()
    with pytest.raises(KeyboardInterrupt):
        train(taught, tmp_path, listener=listener)
    [plan] = listener.plans
    assert [(recipe.name, recipe.seed) for recipe in plan] == [
        ("teacher", 1),
        ("teacher", 2),
        ("taught", 3),
    ]
    # Teachers that differ by their seed alone are timed once, and their student reads both.
    assert 0 < plan[0].seconds == plan[1].seconds


@pytest.mark.slow
def test_teachers_are_found_in_a_folder_and_others_are_trained_into_it(
    taught: recipes.Recipe, train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    assert taught.distillation
    second = taught.distillation.teachers[1]
    # Another machine's, by any name, and one that differs.
    train(second, tmp_path / "runs" / "brought")
    train(replace(second, epochs=1), tmp_path / "runs" / "other")
    listener = Recorder()
    trainer.train(
        taught,
        small_mnist,
        tmp_path / "runs" / "taught",
        resume=False,
        listener=listener,
        teachers=tmp_path / "runs",
    )
    assert listener.networks == [(1, 3), (3, 3)]
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert names == {"brought", "other", "teacher-1", "taught"}
    found = trainer.find_teachers(taught, tmp_path, tmp_path / "runs")
    assert [path.name for _, path in found] == ["teacher-1", "brought"]


@pytest.mark.slow
def test_a_network_is_refined_from_its_parent_which_is_trained_first(
    taught: recipes.Recipe, train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    refined = replace(
        taught,
        name="refined",
        epochs=1,
        learning_rate=1e-6,
        habit_ratio=0.05,
        distillation=None,
        refinement=recipes.Refinement(parent=taught, alpha=0.9, temperature=3.0, share=0.5),
    )
    listener = Recorder()
    record = train(refined, tmp_path / "whole", listener=listener)
    # The parent's two teachers, the parent, and the network itself.
    assert listener.networks == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert record.settings["refinement"]["parent"]["name"] == "taught"
    parent = tmp_path / "whole" / trainer.TEACHERS_FOLDER / "1"
    pairs = zip(weights(tmp_path / "whole"), weights(parent), strict=True)
    trainable = [(own, old) for own, old in pairs if own.ndim > 1]
    assert all(np.abs(own - old).max() < 1e-3 for own, old in trainable)
    # Where the parent is found, its teachers are not asked for.
    parent.rename(tmp_path / "parent")
    listener = Recorder()
    trainer.train(
        refined,
        small_mnist,
        tmp_path / "again",
        resume=False,
        listener=listener,
        teachers=tmp_path,
    )
    assert listener.networks == [(2, 2)]
