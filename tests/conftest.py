from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_edge import dataset
from mnist_edge.dataset import Digits, Mnist


@pytest.fixture(scope="session", autouse=True)
def no_installed_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps the tests, and the processes they start, from the models that the user installed."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MNIST_EDGE_MODELS", str(folder))
        yield folder


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
