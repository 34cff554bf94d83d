from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.device.doctor import probe
from mnist_edge.device.doctor.finding import Finding
from mnist_edge.device.doctor.software import examine_software
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import selection
from mnist_edge.runtimes.golden import encode_golden
from mnist_edge.runtimes.selection import RUNTIME_VARIABLE
from tests.support.files import write_text
from tests.support.packages import CRASH
from tests.support.paths import NANO


@pytest.fixture(autouse=True)
def no_runtime_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)


def find(name: str) -> Finding:
    """Return one finding; what comes after it is not examined."""
    return next(finding for finding in examine_software() if finding.name == name)


def check_advice(finding: Finding, status: str, found: str, advice: str) -> None:
    assert finding.status == status
    assert found in finding.found
    assert advice in str(finding.advice)


@pytest.mark.parametrize(
    ("module", "name"), [("numpy", "numpy"), ("PIL", "pillow")], ids=["numpy", "pillow"]
)
def test_a_package_that_crashes_is_bad(module: str, name: str, packages: Path) -> None:
    write_text(packages / module / "__init__.py", CRASH)
    check_advice(find(name), "bad", "it crashes (SIGILL", "pip install --force-reinstall")


def test_a_numpy_that_the_runtime_was_not_built_for_is_bad(packages: Path) -> None:
    write_text(packages / "numpy/__init__.py", "__version__ = '2.2.6'\n")
    check_advice(find("numpy"), "bad", "binary interface 2", "pip install 'numpy<2'")


def test_the_same_numpy_is_good_for_another_runtime(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(packages / "numpy/__init__.py", "__version__ = '2.2.6'\n")
    installed = {"ai-edge-litert": "2.3.0", "numpy": "2.2.6"}
    monkeypatch.setattr(selection, "_version", installed.get)
    assert find("numpy").status == "good"


def test_an_old_pillow_is_a_warning(packages: Path) -> None:
    write_text(packages / "PIL/__init__.py", "__version__ = '9.0.1'\n")
    check_advice(find("pillow"), "warning", "9.0.1", "pillow>=9.4")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "libc", "status"),
    [
        ("aarch64", ("glibc", "2.36"), "warning"),
        ("armv6l", ("glibc", "2.36"), "good"),
        ("x86_64", ("", ""), "good"),
    ],
)
def test_the_numpy_runtime_is_a_warning_where_a_faster_one_has_a_wheel(
    architecture: str, libc: tuple[str, str], status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "_is_installed", {"numpy"}.__contains__)
    monkeypatch.setattr(selection, "_version", {"numpy": np.__version__}.get)
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    found = find("numpy-runtime")
    assert found.status == status
    assert ("pip install" in str(found.advice)) == (status == "warning")


def test_no_runtime_at_all_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_is_installed", set[str]().__contains__)
    check_advice(find("runtime"), "bad", "numpy is not installed", "")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of nano's folder, which stands for the shipped models in this process."""
    folder = tmp_path / "models" / "nano"
    folder.mkdir(parents=True)
    for suffix in ("tflite", "json"):
        shutil.copy(NANO / f"int8.{suffix}", folder)
    monkeypatch.setattr(loading, "shipped_models_folder", lambda: folder.parent)
    # A child finds the shipped models by itself: it is given the folder instead.
    in_child = probe.probe_model
    monkeypatch.setattr(probe, "probe_model", lambda name: in_child(str(folder.parent / name)))
    return folder


def give_golden(folder: Path, *, off: int) -> None:
    """Give a model golden vectors of the installed runtime, one of them ``off`` steps away."""
    from mnist_edge.runtimes.interpreter import Interpreter

    model = loading.load_model(folder)
    inputs = np.zeros((16, 28, 28), np.uint8)
    outputs = np.stack([Interpreter(model.content).raw_output(digit) for digit in inputs])
    outputs[5, 0] += off
    path = folder / "int8.json"
    golden = encode_golden(inputs, outputs, runtime=selection.describe_runtime(), tolerance=10)
    document = json.loads(path.read_text())
    document["golden"] = golden.__dict__
    path.write_text(json.dumps(document))


@pytest.mark.slow
def test_a_model_that_passes_its_self_test_is_good(models: Path) -> None:
    give_golden(models, off=0)
    found = find("self-test nano")
    assert found.status == "good"
    assert found.found == "16 golden vectors, all the same"


@pytest.mark.slow
def test_a_model_that_fails_its_self_test_is_bad(models: Path) -> None:
    give_golden(models, off=1)
    found = find("self-test nano")
    check_advice(found, "bad", "1 of them up to 1 steps off, 0 allowed", "--runtime numpy")
    assert found.facts["steps"] == [0] * 5 + [1] + [0] * 10


def test_a_model_without_golden_vectors_is_a_warning(models: Path) -> None:
    path = models / "int8.json"
    document = json.loads(path.read_text())
    document.pop("golden", None)
    path.write_text(json.dumps(document))
    check_advice(find("self-test nano"), "warning", "no golden vectors", "convert")


@pytest.mark.slow
def test_a_model_that_was_changed_is_bad(models: Path) -> None:
    path = models / "int8.tflite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    check_advice(find("model nano"), "bad", "its manifest lists", "pip install")
    assert find("self-test nano").status == "bad"


def test_a_model_without_a_manifest_is_a_warning(models: Path) -> None:
    (models / "int8.json").unlink()
    check_advice(find("model nano"), "warning", "no manifest for int8.tflite", "reinstall")
