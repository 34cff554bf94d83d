from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from converters import c_source, conversion, microcontroller
from converters.c_source import GoldenVectors
from converters.conversion import Prepared
from converters.microcontroller import MicroRun
from mnist_edge.data.mnist import Mnist
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.training import training_record
from tests.support.paths import NANO


@pytest.fixture(scope="session")
def prepared(small_mnist: Mnist) -> Prepared:
    """The shipped model, prepared on fewer digits."""
    return conversion.prepare(NANO / training_record.MODEL_FILE, small_mnist)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limit that some damaged files run into."""
    monkeypatch.setattr("converters.hdf5._SECONDS", 5)


@pytest.fixture(scope="module")
def few(small_mnist: Mnist) -> Mnist:
    """Three hundred validation digits, enough to find the scaling."""
    return replace(small_mnist, validation=small_mnist.validation.take(np.arange(300)))


@pytest.fixture(scope="session")
def stored(nano: Path) -> loading.StoredModel:
    """The shipped int8 model."""
    return loading.load_model(nano / "int8.tflite")


@pytest.fixture(scope="session")
def manifest(stored: loading.StoredModel) -> ModelManifest:
    """Its manifest."""
    assert stored.manifest is not None
    return stored.manifest


@pytest.fixture(scope="session")
def golden(stored: loading.StoredModel, mnist: Mnist) -> GoldenVectors:
    """Its golden vectors, from validation digits."""
    return c_source.golden_vectors(stored.content, mnist.validation)


@pytest.fixture(scope="session")
def micro(stored: loading.StoredModel, golden: GoldenVectors) -> MicroRun:
    """Its run on tflite-micro."""
    # Not imported here: it, TensorFlow and tflite-runtime cannot share a process.
    if find_spec("tflite_micro") is None:
        pytest.skip("tflite-micro is not installed")
    return microcontroller.run(stored.content, golden.inputs)
