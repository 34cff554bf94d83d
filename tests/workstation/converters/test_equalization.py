from __future__ import annotations

import numpy as np

from converters.conversion import Prepared
from converters.equalization import equalize
from mnist_edge.data.mnist import Mnist
from mnist_edge.runtimes.input_scaling import RAW_PIXELS


def test_equalization_keeps_the_logits_and_balances_the_weights(
    prepared: Prepared, small_mnist: Mnist
) -> None:
    network = prepared.model.network
    equalized = equalize(network)
    assert equalized is not None
    digits = RAW_PIXELS.apply(small_mnist.validation.images[:50])
    np.testing.assert_allclose(equalized.run(digits), network.run(digits), rtol=1e-3, atol=1e-3)
