from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits, Mnist, load_mnist, load_test_digits
from mnist_edge.evaluation.report import measure, timing
from tests.support.paths import DATA, NANO, ROOT
from tests.support.programs import Run, Start, exit_status
from tests.support.sandboxes import SandboxCache

SOURCES = (
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
    "mnist_edge",
    "converters",
    "models",
)
# TensorFlow shows its symbols to every library that is loaded after it, and tflite-runtime takes
# them for its own. No process of the program has both; one that runs tests may, in this order.
with contextlib.suppress(ImportError):
    import tflite_runtime.interpreter  # noqa: F401  # to be the first

ORDER = ("fuzz", "pi", "system", "packaging", "benchmarks", "device", "workstation")
"""Folders of tests: the longest first, so that no worker is left with one when all others are done;
TensorFlow and JAX, which stay in a worker's memory, as late as may be."""

# The same examples every time, however long a busy machine takes for one or to draw it.
settings.register_profile(
    "device",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("device")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders in their order."""
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(ROOT / "tests").parts[0]))


@pytest.fixture(scope="session", autouse=True)
def no_installed_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hide the user's models and counts of readings from the tests and their child processes."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MNIST_EDGE_MODELS", str(folder))
        environment.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def few_timed_digits() -> Iterator[None]:
    """Time few digits in reports: what their times are is nothing to a test."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (measure, timing):
            patch.setattr(module, "TIMED_DIGITS", 20)
        yield


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST, fetched once into the user's cache."""
    return load_mnist()


@pytest.fixture(scope="session")
def test_digits() -> Digits:
    """MNIST's 10,000 test digits."""
    return load_test_digits()


@pytest.fixture(scope="session")
def nano() -> Path:
    """The folder of the shipped model."""
    return NANO


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that no build folder is left here."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            # Other tests' processes create and delete these.
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


@pytest.fixture(scope="session")
def sandbox_cache() -> Iterator[SandboxCache]:
    """The runs of models in child processes that tests share."""
    cache = SandboxCache()
    yield cache
    cache.close()


@pytest.fixture(autouse=True)
def cached_sandbox(sandbox_cache: SandboxCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs models in a child process that stays, and none twice on the same pixels."""
    monkeypatch.setattr("mnist_edge.system.subprocesses.call_in_child", sandbox_cache)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """A classifier of the default model."""
    return Classifier()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the committed models, pictures and answers."""
    return DATA


@pytest.fixture(scope="session")
def pictures(data: Path) -> Path:
    """The folder of the committed pictures."""
    return data / "pictures"


@pytest.fixture(scope="session")
def tiny(data: Path) -> Path:
    """The folder of the committed models, none of which has a manifest."""
    return data / "models"


@pytest.fixture(scope="session")
def arrays(mnist: Mnist) -> dict[str, NDArray[np.uint8]]:
    """The four published arrays by file name, put together from the splits."""
    left = np.setdiff1d(np.arange(60_000), mnist.train_indices)
    images, labels = np.empty((60_000, 28, 28), np.uint8), np.empty(60_000, np.uint8)
    images[mnist.train_indices], images[left] = mnist.train.images, mnist.validation.images
    labels[mnist.train_indices], labels[left] = mnist.train.labels, mnist.validation.labels
    return {
        "train-images-idx3-ubyte": images,
        "train-labels-idx1-ubyte": labels,
        "t10k-images-idx3-ubyte": mnist.test.images,
        "t10k-labels-idx1-ubyte": mnist.test.labels,
    }


@pytest.fixture(scope="session")
def originals(
    arrays: dict[str, NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder with the four published files."""
    folder = tmp_path_factory.mktemp("originals")
    for name, array in arrays.items():
        magic = 2051 if array.ndim == 3 else 2049
        header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    yield folder
    # pytest keeps the folders of its last runs, and this one is 55 MB.
    shutil.rmtree(folder)


@pytest.fixture
def own(nano: Path, tmp_path: Path) -> Path:
    """A folder with copies of the shipped float32 and int8, without test scores."""
    folder = tmp_path / "own"
    folder.mkdir()
    for scheme in ("float32", "int8"):
        shutil.copy(nano / f"{scheme}.tflite", folder)
        document = json.loads((nano / f"{scheme}.json").read_text(encoding="utf-8"))
        document["test"] = None
        (folder / f"{scheme}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def quick(tiny: Path, tmp_path: Path) -> Path:
    """A folder of two tiny models with nearly the same answers."""
    folder = tmp_path / "quick"
    folder.mkdir()
    shutil.copy(tiny / "quadrants-float32.tflite", folder / "float32.tflite")
    shutil.copy(tiny / "quadrants-int8.tflite", folder / "int8.tflite")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program in this process, which is faster than a process of its own."""

    def in_this_process(*arguments: str | Path) -> CompletedProcess[str]:
        capsys.readouterr()
        status = exit_status(*arguments)
        out, err = capsys.readouterr()
        return CompletedProcess(arguments, status, out, err)

    return in_this_process


@pytest.fixture(scope="session")
def start() -> Start:
    """Run the program in a process of its own, as a user does."""

    def in_a_process(
        *arguments: str | Path,
        interpreter: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        stdout: int = subprocess.PIPE,
        stdin: bytes = b"",
        cwd: Path | None = None,
    ) -> CompletedProcess[bytes]:
        # Unbuffered output, which some machines set, would hide effects of buffering.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
        return subprocess.run(
            [sys.executable, *interpreter, "-m", "mnist_edge", *map(str, arguments)],
            check=False,
            stdout=stdout,
            stderr=subprocess.PIPE,
            input=stdin,
            cwd=cwd,
            env={**inherited, **(env or {})},
        )

    return in_a_process
