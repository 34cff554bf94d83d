"""What this machine says of itself, for a figure to be understood by."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from mnist_edge.device import board

_FLAGS = ("neon", "asimd", "asimddp", "i8mm", "sve", "avx2", "avx_vnni", "avx512f", "avx512_vnni")
"""Instructions that make int8 or float32 faster, by Linux's names for them."""


def describe_machine() -> str:
    """System, architecture, cores and Python."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def describe_cpu(root: Path = board.ROOT) -> str | None:
    """The board's and the processor's names, and its flags that matter to int8; None where unknown.

    Args:
        root: of the file system that is read.
    """
    features = board.read_processor(root).features
    flags = " ".join(flag for flag in _FLAGS if flag in features)
    told = [board.describe_board(root), f"({flags})" if flags else None]
    return " ".join(part for part in told if part) or None


def peak_memory_mib() -> float | None:
    """The most memory that this process has had, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows keeps no such count
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
