"""Which models are shipped, and the machine that figures were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path

from mnist_edge.device import board
from mnist_edge.runtimes.selection import describe_runtime

MODELS = Path(__file__).parents[1] / "models"
"""The repository's own: an installed package may bring others."""


def folders() -> list[Path]:
    """List the folders of shipped models (those with an int8 file) by name."""
    return sorted(path.parent for path in MODELS.glob("*/int8.tflite"))


def setting() -> dict[str, str]:
    """Describe the runtime, the processor, its load, and the date.

    A load above the number of cores means that others were waiting for the processor as well.
    """
    cores = f"{os.cpu_count()} cores"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return {
        "runtime": describe_runtime(),
        "processor": board.describe_board() or platform.machine(),
        "machine": f"{platform.system()} {platform.machine()}, {cores}{load}",
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
    }


def told(setting: dict[str, str]) -> str:
    """Format the setting as two lines: runtime and processor, then machine and date."""
    return "{runtime}; {processor}\n{machine}; {date}".format_map(setting)
