from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["train", "convert", "run", "reproduce"])
def test_a_missing_tensorflow_names_the_command_that_installs_it(
    command: str, tmp_path: Path, nano: Path
) -> None:
    hidden = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None;"
        "from mnist_edge.commands.app import main; main(sys.argv[1:])"
    )
    arguments = [command, str(nano), "--out", "out"] if command == "convert" else [command]
    outcome = subprocess.run(
        [sys.executable, "-c", hidden, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "pip install" in outcome.stderr
    assert "tensorflow<" in outcome.stderr
    assert list(tmp_path.iterdir()) == []
