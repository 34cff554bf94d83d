from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import networks, recipes, training_run
from mnist_edge.training.recipes import RECIPES, find_recipe
from tests.support.recorder import Train


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
def test_every_network_takes_raw_pixels_and_gives_ten_logits(name: str, small_mnist: Mnist) -> None:
    model = find_recipe(name).network()
    logits = training_run.predict_logits(model, small_mnist.validation.take(np.arange(20)))
    assert logits.shape == (20, 10)
    assert np.isfinite(logits).all()
    twice = name in ("softmax-l2-softmax-twice", "softmax-l2-both-mistakes")
    assert np.allclose(logits.sum(axis=1), 1, atol=1e-4) == twice


@pytest.mark.slow
def test_softmax_is_applied_twice_in_its_recipe(train: Train, tmp_path: Path) -> None:
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
