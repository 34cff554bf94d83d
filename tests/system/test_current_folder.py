"""Nothing in the current folder is imported, whatever its name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mnist_edge.system.subprocesses import python_command
from tests.support.paths import NANO, ROOT, SAMPLE, TINY

OTHERS = {
    "PIL",
    "ai_edge_litert",
    "anyio",
    "click",
    "flatbuffers",
    "h5py",
    "keras",
    "matplotlib",
    "numpy",
    "packaging",
    "paho",
    "pillow_heif",
    "pip",
    "pyarrow",
    "ray",
    "rich",
    "setuptools",
    "shellingham",
    "starlette",
    "tensorflow",
    "tf_keras",
    "tflite_micro",
    "tflite_runtime",
    "tomli",
    "typer",
    "uvicorn",
}
MODEL = str(NANO)
UNKNOWN = str(TINY / "quadrants-int8.tflite")
COMMANDS = [
    ["--version"],
    ["--help"],
    ["predict", "digit.png"],
    ["predict", ".", "--jobs", "2", "--format", "jsonl"],
    ["predict", "digit.png", "--all", "--explain", "explained.png"],
    ["predict", "digit.png", "--model", UNKNOWN, "--pixels", "pixels"],
    ["predict", "digit.png", "--runtime", "numpy"],
    ["watch", ".", "--once", "--out", "results.jsonl"],
    ["info"],
    ["info", UNKNOWN],
    ["doctor"],
    ["benchmark", MODEL, "--digits", "5", "--starts", "1", "--baseline"],
    ["model", "list"],
    ["model", "verify", "edge"],
    ["model", "install", f"{MODEL}/int8.tflite"],
    ["report", "quick", "--pictures", "labeled", "--corrupted", "0", "--out", "report"],
    ["bundle", "--target", "linux-x86_64"],
    ["bundle", "--target", "linux-x86_64", "--camera", "--serve"],
    ["watch", "--camera", "demo:labeled/7", "--once"],
    ["readings"],
    ["label", "labeled", "--terminal"],
    ["batch", "labeled", "answers", "--format", "jsonl"],
    ["export", "--target", "cmake"],
    ["teach", "labeled", "--data", "absent.npz"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a picture, and a file named like every possible module."""
    for name in (OTHERS | sys.stdlib_module_names) - {"__main__"}:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'imported')!r}, 'a').write({name + ' '!r})\n"
            f"raise SystemError({name!r})\n"
        )
    shutil.copy(SAMPLE, tmp_path)
    for digit in range(10):
        (tmp_path / "labeled" / str(digit)).mkdir(parents=True)
        shutil.copy(SAMPLE, tmp_path / "labeled" / str(digit))
    # Models without a manifest, which are tried in children.
    (tmp_path / "quick").mkdir()
    for scheme in ("float32", "int8"):
        shutil.copy(TINY / f"quadrants-{scheme}.tflite", tmp_path / "quick" / f"{scheme}.tflite")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    # The model that a command installs is no other test's.
    monkeypatch.setenv("MNIST_EDGE_MODELS", str(tmp_path / "store"))
    return tmp_path


def check(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    imported = folder / "imported"
    assert not imported.exists(), (imported.read_text(), ran.stderr)
    assert ran.returncode in {0, 1}, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_imports_what_lies_in_the_current_folder(
    arguments: list[str], folder: Path
) -> None:
    check(python_command("mnist_edge.commands.app:main", *arguments), folder)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_a_conversion_imports_nothing_from_the_current_folder(folder: Path) -> None:
    words = ["convert", str(NANO), "--quantize", "int8", "--emit", "c", "--out", "converted"]
    check(python_command("mnist_edge.commands.app:main", *words), folder)
    assert (folder / "converted" / "int8.tflite").is_file()


@pytest.mark.parametrize("arguments", [["predict", ".", "--jobs", "2"], ["info", UNKNOWN]])
def test_python_m_imports_nothing_from_the_current_folder(
    arguments: list[str], folder: Path
) -> None:
    # Python itself imports some modules to find the package, and nobody is asked before.
    listing = "import sys; print(*sys.modules)"
    (folder / "empty").mkdir()
    (folder / "empty" / "listing.py").write_text(listing)
    words = [sys.executable, "-m", "listing"]
    ran = subprocess.run(words, check=True, capture_output=True, text=True, cwd=folder / "empty")
    for name in {name.partition(".")[0] for name in ran.stdout.split()}:
        (folder / f"{name}.py").unlink(missing_ok=True)
    assert (folder / "json.py").exists()
    assert (folder / "numpy.py").exists()
    check([sys.executable, "-m", "mnist_edge", *arguments], folder)


def test_the_installed_program_imports_nothing_from_the_current_folder(folder: Path) -> None:
    program = Path(sys.executable).with_name("mnist-edge")
    if not program.exists():
        pytest.skip("the package is not installed beside this Python")
    assert ": 7 (" in check([str(program), "predict", "digit.png"], folder)
