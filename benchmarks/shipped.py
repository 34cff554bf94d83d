"""What the benchmarks of models share: which are shipped, and what the figures were measured on."""

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
    """Folders of the shipped models, those that hold an int8 file, by name."""
    return sorted(path.parent for path in MODELS.glob("*/int8.tflite"))


def setting() -> dict[str, str]:
    """The device runtime, the processor, what else it has to do, and the date.

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
    """The setting as two lines of text: what ran the models, then where and when."""
    return "{runtime}; {processor}\n{machine}; {date}".format_map(setting)
