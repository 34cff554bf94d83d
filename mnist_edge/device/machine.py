"""Describe this machine beside a measurement."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from mnist_edge.device import board

_FLAGS = ("neon", "asimd", "asimddp", "i8mm", "sve", "avx2", "avx_vnni", "avx512f", "avx512_vnni")
"""Instruction set extensions that make int8 or float32 faster, by Linux's names."""


def describe_machine() -> str:
    """Return the system, architecture, cores and Python version."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def describe_cpu(root: Path = board.ROOT) -> str | None:
    """Return the names of board and processor, and the flags that matter to int8, if known.

    Args:
        root: the root of the file system to read.
    """
    features = board.read_processor(root).features
    flags = " ".join(flag for flag in _FLAGS if flag in features)
    parts = [board.describe_board(root), f"({flags})" if flags else None]
    return " ".join(part for part in parts if part) or None


def peak_memory_mib() -> float | None:
    """Return this process's peak memory so far in MiB; None if the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows keeps no such count
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
