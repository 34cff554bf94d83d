from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_edge.data import mnist as dataset
from mnist_edge.data.mnist import Digits, Mnist

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "mnist_edge", "converters", "models")


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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that no build folder is left here."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            # What other tests' programs compile comes and goes.
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (built,) = (folder / "dist").glob("*.whl")
    return built
