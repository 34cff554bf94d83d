from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge import dataset
from mnist_edge.dataset import Digits, Mnist


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """The real data: fetched once into the user's cache, then read from it."""
    return dataset.load()


@pytest.fixture(scope="session")
def test_digits() -> Digits:
    """MNIST's 10,000 test digits."""
    return dataset.load_test()


@pytest.fixture(scope="session")
def nano() -> Path:
    """The folder of the shipped model."""
    return Path(__file__).parents[1] / "models" / "nano"
