"""What this machine says of itself, for a figure to be understood by."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_BOARD = Path("/proc/device-tree/model")
"""Name of a single-board computer, such as a Raspberry Pi's."""
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
"""Thousandths of a degree Celsius."""
_FLAGS = ("neon", "asimd", "asimddp", "i8mm", "sve", "avx2", "avx_vnni", "avx512f", "avx512_vnni")
"""Instructions that make int8 or float32 faster, by Linux's names for them."""


def machine() -> str:
    """System, architecture, cores and Python."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def cpu() -> str | None:
    """Name of the processor, and its flags that matter to int8; None where unknown."""
    said = _read(_CPUINFO) or ""
    named = re.search(r"^model name\s*:\s*(.+)$", said, re.MULTILINE)
    board = (_read(_BOARD) or "").strip("\0")
    names = [part for part in (board, named[1] if named else platform.processor()) if part]
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", said, re.MULTILINE)
    told = [flag for flag in _FLAGS if flags and flag in flags[1].split()]
    if told:
        names.append(f"({' '.join(told)})")
    return " ".join(names) or None


def governor() -> str | None:
    """How the system sets the processor's frequency; None where it does not tell."""
    return _read(_GOVERNOR)


def temperature() -> float | None:
    """Of the processor, in degrees Celsius; None where the system does not tell."""
    said = _read(_THERMAL)
    return int(said) / 1000 if said and said.lstrip("-").isdigit() else None


def peak_memory() -> float | None:
    """The most memory that this process has had, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows keeps no such count
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
