from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.programs import Run


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
