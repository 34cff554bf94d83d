from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.training import optimizers
from mnist_edge.training.frameworks import import_keras


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


@pytest.mark.slow
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
