from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from converters import conversion
from converters.conversion import Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.training import training_record
from tests.support.paths import NANO


@pytest.fixture(scope="module")
def prepared(small_mnist: Mnist) -> Prepared:
    """The shipped model, on fewer digits."""
    return conversion.prepare(NANO / training_record.MODEL_FILE, small_mnist)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some damaged files are read until the time is up."""
    monkeypatch.setattr("converters.hdf5._SECONDS", 5)


@pytest.fixture(scope="module")
def few(small_mnist: Mnist) -> Mnist:
    """Three hundred validation digits, enough to find the scaling."""
    return replace(small_mnist, validation=small_mnist.validation.take(np.arange(300)))
