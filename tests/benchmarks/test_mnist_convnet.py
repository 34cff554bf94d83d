from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers import mnist_convnet
from mnist_edge.runtimes.sandbox import run_sandboxed


@pytest.mark.slow
def test_the_convnet_is_keras_own_and_converts_as_our_models_do() -> None:
    assert mnist_convnet.network().count_params() == mnist_convnet.PARAMETERS
    trial = run_sandboxed(mnist_convnet.to_int8(), np.zeros((1, 28, 28), np.uint8), name="convnet")
    assert (trial.input.dtype, trial.output.dtype) == ("int8", "int8")
    assert trial.input.scale == pytest.approx(1, rel=1e-3)  # raw pixels
