from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_edge.errors import MissingDependency, UnknownName
from mnist_edge.runtimes import selection
from mnist_edge.runtimes.selection import (
    RUNTIME_VARIABLE,
    describe_runtime,
    faster_install_command,
    install_command,
    is_numpy_fallback,
    reference_runtime,
    using_runtime,
)
from tests.support.paths import SAMPLE
from tests.support.programs import Run


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make only these packages appear installed."""

    def these(*packages: str) -> None:
        versions = dict.fromkeys(packages, "1.0")
        monkeypatch.setattr(selection, "_is_installed", versions.__contains__)
        monkeypatch.setattr(selection, "_version", versions.get)

    return these


@pytest.mark.parametrize(
    ("installed", "used"),
    [
        (("tflite-runtime", "ai-edge-litert", "numpy"), "ai-edge-litert"),
        (("tflite-runtime", "numpy"), "tflite-runtime"),
        (("ai-edge-litert", "numpy"), "ai-edge-litert"),
        (("numpy",), "numpy"),
    ],
)
def test_the_fastest_installed_runtime_is_used(
    installed: tuple[str, ...], used: str, install: Callable[..., None]
) -> None:
    install(*installed)
    assert describe_runtime() == f"{used} 1.0"
    assert is_numpy_fallback() == (used == "numpy")


@pytest.mark.parametrize(
    ("installed", "reference"),
    [
        (("tflite-runtime", "ai-edge-litert", "numpy"), "tflite-runtime"),
        (("ai-edge-litert", "numpy"), "ai-edge-litert"),
        (("numpy",), "numpy"),
    ],
)
def test_files_are_verified_on_tflite_runtime_where_it_is_installed(
    installed: tuple[str, ...],
    reference: str,
    install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(*installed)
    assert reference_runtime() == reference
    monkeypatch.setenv(RUNTIME_VARIABLE, "numpy")
    assert reference_runtime() == "numpy"


@pytest.mark.parametrize(
    ("machine", "installed", "line"),
    [
        ("x86_64", ("tflite-runtime", "numpy"), "pip install ai-edge-litert"),
        ("x86_64", ("tflite-runtime", "ai-edge-litert", "numpy"), None),
        ("aarch64", ("tflite-runtime", "numpy"), None),
    ],
)
def test_a_faster_runtime_is_named_where_one_is_known(
    machine: str,
    installed: tuple[str, ...],
    line: str | None,
    install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(*installed)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert faster_install_command() == line


def test_the_environment_variable_selects_a_runtime(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("tflite-runtime", "numpy")
    monkeypatch.setenv(RUNTIME_VARIABLE, "numpy")
    assert describe_runtime() == "numpy 1.0"
    assert not is_numpy_fallback()


def test_a_selection_ends_with_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    before = describe_runtime()
    with using_runtime("numpy"):
        assert describe_runtime().startswith("numpy ")
    assert describe_runtime() == before
    assert RUNTIME_VARIABLE not in os.environ
    monkeypatch.setenv(RUNTIME_VARIABLE, "numpy")
    with pytest.raises(UnknownName), using_runtime("tensorflow"):
        pass
    assert os.environ[RUNTIME_VARIABLE] == "numpy"


@pytest.mark.parametrize(
    ("platform", "version", "line"),
    [
        ("linux", (3, 11), "pip install tflite-runtime"),
        ("linux", (3, 12), "pip install ai-edge-litert"),
        ("darwin", (3, 11), "pip install ai-edge-litert"),
        ("win32", (3, 10), "pip install ai-edge-litert"),
    ],
)
def test_a_missing_runtime_names_the_command_that_installs_it(
    platform: str,
    version: tuple[int, int],
    line: str,
    install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("numpy")
    machine = SimpleNamespace(platform=platform, version_info=version)
    monkeypatch.setattr(selection, "sys", machine)
    assert install_command() == line
    said = rf"is not installed.*: {line}.*numpy"
    with pytest.raises(MissingDependency, match=said) as missing, using_runtime("tflite-runtime"):
        pass
    assert "\n" not in str(missing.value)


def test_predict_gives_the_same_answers_on_a_selected_numpy(run: Run) -> None:
    expected = run("predict", "--format", "jsonl", SAMPLE)
    on_numpy = run("predict", "--runtime", "numpy", "--format", "jsonl", SAMPLE)
    assert (on_numpy.returncode, on_numpy.stdout, on_numpy.stderr) == (0, expected.stdout, "")
    assert RUNTIME_VARIABLE not in os.environ


def test_predict_warns_once_of_numpy_as_the_last_resort(
    run: Run, install: Callable[..., None]
) -> None:
    install("numpy")
    found = run("predict", SAMPLE, SAMPLE)
    assert found.returncode == 0
    assert found.stdout.count(": 7 (") == 2
    assert found.stderr.count("slower") == 1
    assert install_command() in found.stderr


def test_info_names_the_selected_runtime(run: Run, tiny: Path) -> None:
    found = run("info", "--runtime", "numpy")
    assert found.returncode == 0
    assert "found by numpy 1" in found.stdout.replace("found by numpy 2", "found by numpy 1")


def test_a_child_process_uses_the_same_runtime(run: Run, tiny: Path) -> None:
    found = run("info", "--runtime", "numpy", tiny / "greedy.tflite")
    assert found.returncode == 1
    assert "16000000" in found.stderr


def test_report_on_numpy_refuses_what_is_not_int8_in_one_line(run: Run, tmp_path: Path) -> None:
    found = run("report", "--runtime", "numpy", "--out", tmp_path)
    assert found.returncode == 1
    assert "the numpy runtime runs int8 models" in found.stderr
    assert len(found.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("predict", SAMPLE), ("report",), ("info",)])
def test_an_unknown_runtime_is_a_usage_error(command: tuple[str | Path, ...], run: Run) -> None:
    found = run(*command, "--runtime", "tensorflow")
    assert found.returncode == 2
    assert found.stderr == (
        "mnist-edge: unknown runtime 'tensorflow': choose one of ai-edge-litert, tflite-runtime, "
        "numpy\n"
    )


def test_an_unknown_runtime_in_the_environment_is_a_usage_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")
    assert run("predict", SAMPLE).returncode == 2


def test_a_runtime_that_does_not_import_is_an_error_with_advice(
    install: Callable[..., None], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("ai-edge-litert", "numpy")
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    found = run("predict", SAMPLE)
    assert found.returncode == 1
    assert "choose --runtime numpy" in found.stderr
