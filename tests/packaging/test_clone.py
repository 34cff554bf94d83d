"""Running in a clone, whose folder comes first on the path, with or without an installed copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LIBRARY = """
from mnist_edge import Classifier

found = Classifier()
print(found.predict("mnist_edge/samples/digit.png").digit, found.model.path)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree as git has it."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("mnist_edge", "converters", "models"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module", params=["installed", "not installed"])
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An environment in which Python finds an installed wheel, or none."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if request.param == "installed":
        folder = tmp_path_factory.mktemp("site-packages")
        with zipfile.ZipFile(request.getfixturevalue("wheel")) as archive:
            archive.extractall(folder)
        variables["PYTHONPATH"] = str(folder)
    return variables


def check(words: list[str], clone: Path, environment: dict[str, str]) -> str:
    ran = subprocess.run(
        [sys.executable, *words],
        check=False,
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_the_library_reads_a_digit(clone: Path, environment: dict[str, str]) -> None:
    digit, model = check(["-c", LIBRARY], clone, environment).split()
    assert (digit, Path(model)) == ("7", clone / "models" / "edge" / "int8.tflite")


def test_python_m_reads_a_digit(clone: Path, environment: dict[str, str]) -> None:
    words = ["-m", "mnist_edge", "predict", "mnist_edge/samples/digit.png", "--jobs", "2"]
    assert ": 7 (" in check(words, clone, environment)


@pytest.mark.slow
def test_child_processes_run_the_clones_code(clone: Path, environment: dict[str, str]) -> None:
    output = check(["-m", "mnist_edge", "doctor"], clone, environment)
    assert "good    self-test edge" in output
    assert not any(line.startswith("bad") for line in output.splitlines())
    # A child process also imports modules that only the clone has.
    (clone / "mnist_edge" / "only_here.py").write_text("def twice(x):\n    return 2 * x\n")
    program = (
        "from mnist_edge.only_here import twice\n"
        "from mnist_edge.system.subprocesses import ChildLimits, call_in_child\n"
        "print(call_in_child(ChildLimits(seconds=60), twice, 21))"
    )
    assert check(["-c", program], clone, environment) == "42\n"


def test_a_wheel_that_is_unpacked_into_the_current_folder_runs_there(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = ["-m", "mnist_edge", "model", "verify", "edge"]
    assert "100 of 100" in check(words, tmp_path, variables)
