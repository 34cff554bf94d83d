from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.results import Report
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.modelstore import loading
from tests.support.installed import renamed
from tests.support.signing import Signer


@pytest.fixture(scope="session")
def nano_report(nano: Path, test_digits: Digits) -> Report:
    """A report of all schemes of the shipped model over a few digits."""
    return measure_schemes(
        loading.load_all_schemes(nano),
        mnist_test_images(test_digits.take(np.arange(900, 1_000))),
        plan=CorruptionPlan(pictures=1, severities=(1, 5)),
        command="mnist-edge report models/nano",
        on_progress=lambda count: None,
    )


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder whose packages come before the installed ones, in child processes alone."""
    folder = tmp_path / "packages"
    folder.mkdir()
    before = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, before)))
    return folder


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of installed models, empty."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("MNIST_EDGE_MODELS", str(folder))
    return folder


@pytest.fixture
def update(nano: Path, tmp_path: Path) -> Path:
    """The shipped int8 file with a manifest of its own, as an update."""
    return renamed(nano, tmp_path / "update", recipe="Second Try!")


@pytest.fixture(scope="session")
def signer() -> Signer:
    """A holder of a private key."""
    return Signer(b"\x07" * 32)
