from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import recipes, training_record, training_run
from mnist_edge.training.frameworks import import_keras
from tests.support.recorder import Train


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


@pytest.mark.slow
def test_mlp_ema_is_evaluated_and_saved_with_averaged_weights(
    train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    recipe = replace(recipes.mlp_ema(), steps=20, validate_every=10)
    record = train(recipe, tmp_path)
    assert all(entry["mean_absolute_gradient"] > 0 for entry in record.rounds)
    assert record.rounds[-1]["learning_rate"] == pytest.approx(0.8 * 0.99 ** (20 / 30))
    model = import_keras().models.load_model(tmp_path / training_record.MODEL_FILE, compile=False)
    logits = training_run.predict_logits(model, small_mnist.validation)
    accuracy = float((logits.argmax(axis=1) == small_mnist.validation.labels).mean())
    assert accuracy == pytest.approx(record.validation_accuracy)
