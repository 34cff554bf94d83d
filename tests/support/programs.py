"""The program in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def mnist_edge(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the program in a folder, whatever comes of it."""
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
