from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.errors import MissingDependency
from mnist_edge.training import frameworks
from tests.support.paths import ROOT
from tests.support.programs import Run
from tests.support.waiting import SECONDS, eventually


@pytest.mark.parametrize("command", ["train", "convert", "run", "reproduce"])
def test_a_missing_tensorflow_names_the_command_that_installs_it(
    command: str, tmp_path: Path, nano: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("keras", "tensorflow"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    outcome = run(command, nano, "--out", "out") if command == "convert" else run(command)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "pip install" in outcome.stderr
    assert "tensorflow<" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("requested", "imported", "found", "chosen"),
    [
        (None, False, True, "jax"),
        (None, False, False, None),
        (None, True, True, None),
        ("tensorflow", False, True, "tensorflow"),
    ],
)
def test_keras_trains_on_an_accelerator_if_there_is_one_unless_asked_otherwise(
    requested: str | None,
    imported: bool,
    found: bool,
    chosen: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if requested:
        monkeypatch.setenv("KERAS_BACKEND", requested)
    else:
        # So that what is chosen here is undone.
        monkeypatch.setenv("KERAS_BACKEND", "")
        del os.environ["KERAS_BACKEND"]
    monkeypatch.setattr(frameworks, "has_accelerator", lambda: found)
    if imported:
        monkeypatch.setitem(sys.modules, "keras", frameworks)
    else:
        monkeypatch.delitem(sys.modules, "keras", raising=False)
    frameworks.choose_backend()
    assert os.environ.get("KERAS_BACKEND") == chosen


def test_without_jax_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingDependency, match=r"backend jax needs JAX .*pip install"):
        frameworks.import_jax()


SWALLOWS = """
import os, pathlib, time
pathlib.Path("importing").touch()
while os.getppid() == PARENT:
    try:
        time.sleep(0.1)
    except BaseException:
        pass
"""


def test_ctrl_c_ends_an_import_that_swallows_it(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text(SWALLOWS.replace("PARENT", str(os.getpid())))
    program = (
        # A shell has programs in the background ignore it.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from mnist_edge.training.frameworks import import_keras; import_keras()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    ) as child:
        try:
            eventually((tmp_path / "importing").exists)
            child.send_signal(signal.SIGINT)
            assert child.wait(SECONDS) == -signal.SIGINT
        finally:
            child.kill()


def test_ctrl_c_is_an_exception_again_after_an_import() -> None:
    before = signal.getsignal(signal.SIGINT)
    frameworks.import_keras()
    assert signal.getsignal(signal.SIGINT) is before
