from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.system.subprocesses import (
    ChildLimits,
    call_in_child,
    code_command,
    python_command,
)
from tests.support.paths import ROOT

SOON = ChildLimits(seconds=60)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes import this module by its name."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def echo(value: Any, *, times: int = 1) -> dict[str, Any]:
    return {
        "value": value,
        "times": times,
        "path": sys.path,
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
    }


def print_arguments() -> None:
    print(json.dumps(sys.argv[1:]))  # noqa: T201


def test_the_current_folder_is_not_on_a_childs_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = call_in_child(SOON, echo, None)["path"]
    assert not {"", ".", str(tmp_path)} & set(places)
    assert str(ROOT / "mnist_edge" / "system") not in places


def test_arguments_are_passed_on_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemError('imported')")
    arguments = ["--an option", "", "ü"]
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    for command in (
        python_command(print_arguments, *arguments),
        python_command(f"{__name__}:print_arguments", *arguments),
        code_command(show, *arguments),
    ):
        ran = subprocess.run(command, check=True, capture_output=True)
        assert json.loads(ran.stdout) == arguments
