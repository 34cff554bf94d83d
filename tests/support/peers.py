"""Run third-party programs, in an environment of their own, on this project's models.

``make .venv-peers/.ready`` makes that environment.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.paths import ROOT

_PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def run_peer(script: str, *arguments: Path) -> str:
    """Run a script of ``tests/peers`` with the peers' Python and return its output."""
    assert _PYTHON.is_file(), "the peers are not installed: make .venv-peers/.ready"
    child = subprocess.run(
        [_PYTHON, ROOT / "tests" / "peers" / script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def run_on_litert(models: Sequence[Path], digits: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """Return each model's logits on ai-edge-litert, ``(n, 10)``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "pixels.npy", digits)
        said = run_peer("run_litert.py", folder / "pixels.npy", folder, *models)
        assert [line.split()[0] for line in said.splitlines()] == ["ai-edge-litert"] * len(models)
        return [np.load(folder / f"{model.stem}.npy") for model in models]
