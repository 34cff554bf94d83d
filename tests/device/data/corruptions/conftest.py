from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist


@pytest.fixture(scope="session")
def digits(mnist: Mnist) -> Digits:
    """Five hundred validation digits."""
    return mnist.validation.take(np.arange(500))
