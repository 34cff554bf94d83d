"""Read the machine's model, processor, memory, temperature and power from where Linux keeps them.

Each function takes the root of the file system, so that another machine's files can be read, and
returns None if the machine does not tell.
"""

from __future__ import annotations

import platform
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_SECONDS = 5
"""Time limit for the firmware's answer."""
_FLAGS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of the firmware's status for the present; 16 bits higher is what happened since the start
(Raspberry Pi documentation, vcgencmd get_throttled)."""
_SINCE_START = 16
_CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"
"""Where the kernel describes the first core's clock."""
_KIB = 1024
_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
}
"""Names of Raspberry Pis' processors by Arm's part number (Main ID Register, bits 15 to 4)."""


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A CPU."""

    architecture: str
    """The kernel's name for it, for example ``aarch64``."""
    name: str | None
    """Its model, if known."""
    features: tuple[str, ...]
    """Its instruction set extensions by the kernel's names, sorted."""
    kernel_bits: int
    """32 or 64."""
    python_bits: int
    """32 or 64: of the userland, which wheels are built for."""

    @property
    def userland(self) -> str:
        """Architecture of the programs, and so of wheels: a 64-bit kernel can run 32-bit ones."""
        if self.architecture == "aarch64" and self.python_bits == 32:
            return "armv7l"
        return self.architecture

    @property
    def has_vectors(self) -> bool:
        """Whether it has vector instructions; True if its features are unknown."""
        if not self.features or not self.architecture.startswith(("arm", "aarch")):
            return True
        return not {"neon", "asimd"}.isdisjoint(self.features)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Main memory, in bytes."""

    total: int
    """All that the kernel manages."""
    available: int
    """How much a program can allocate without swapping."""


@dataclass(frozen=True, kw_only=True)
class Throttling:
    """Why a Raspberry Pi's firmware slows the processor."""

    now: tuple[str, ...]
    """Reasons at present."""
    before: tuple[str, ...]
    """Reasons at any time since the start."""


def read_model_name(root: Path = ROOT) -> str | None:
    """Read the board's model, for example ``Raspberry Pi 4 Model B Rev 1.4``."""
    text = _read_text(root / "proc/device-tree/model")
    return text.strip("\0 \n") or None if text else None


def read_processor(root: Path = ROOT) -> Processor:
    """Describe the CPU."""
    # Arm and x86 have different names for the same fields, and Arm repeats them for each core.
    fields: dict[str, str] = {}
    for line in (_read_text(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    architecture = platform.machine()
    return Processor(
        architecture=architecture,
        name=_PARTS.get(fields.get("cpu part", "")) or fields.get("model name"),
        features=tuple(sorted((fields.get("features") or fields.get("flags") or "").split())),
        kernel_bits=64 if "64" in architecture or architecture == "s390x" else 32,
        python_bits=8 * struct.calcsize("P"),
    )


def describe_board(root: Path = ROOT) -> str | None:
    """Return the names of the board, if it is one, and of the processor."""
    names = [read_model_name(root), read_processor(root).name or platform.processor()]
    return ", ".join(name for name in names if name) or None


def read_libc() -> tuple[str, str] | None:
    """Return the C library's name and version, for example ``("glibc", "2.36")``; None for musl."""
    name, version = platform.libc_ver()
    return (name, version) if name else None


def read_memory(root: Path = ROOT) -> Memory | None:
    """Read how much memory there is."""
    sizes = {}
    for line in (_read_text(root / "proc/meminfo") or "").splitlines():
        key, _, value = line.partition(":")
        number = value.removesuffix("kB").strip()
        if number.isdigit():
            sizes[key] = _KIB * int(number)
    if "MemTotal" not in sizes or "MemAvailable" not in sizes:
        return None
    return Memory(total=sizes["MemTotal"], available=sizes["MemAvailable"])


def read_temperature(root: Path = ROOT) -> float | None:
    """Read the temperature of the hottest zone, in degrees Celsius."""
    degrees = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")):
        # A zone whose sensor is asleep cannot be read.
        text = _read_word(zone)
        if text.lstrip("-").isdigit():
            degrees.append(int(text) / 1000)
    return max(degrees, default=None)


def read_clock(root: Path = ROOT) -> float | None:
    """Read the first core's present clock, in MHz."""
    khz = _read_word(root / _CPUFREQ / "scaling_cur_freq")
    if khz.isdigit():
        return int(khz) / 1000
    cpuinfo = _read_text(root / "proc/cpuinfo") or ""
    mhz = re.search(r"^cpu MHz\s*:\s*([0-9.]+)$", cpuinfo, re.MULTILINE)
    return float(mhz[1]) if mhz else None


def read_governor(root: Path = ROOT) -> str | None:
    """Read how the kernel sets the first core's clock, for example ``ondemand``."""
    return _read_word(root / _CPUFREQ / "scaling_governor") or None


def read_throttling(root: Path = ROOT) -> Throttling | None:
    """Read what the firmware of a Raspberry Pi reports about its power and temperature."""
    path = root / "sys/devices/platform/soc/soc:firmware/get_throttled"
    text = _read_text(path) or _run_vcgencmd()
    try:
        status = int(text.partition("=")[2] or text, 16)
    except ValueError:
        return None
    return Throttling(
        now=tuple(name for bit, name in _FLAGS.items() if status >> bit & 1),
        before=tuple(name for bit, name in _FLAGS.items() if status >> bit + _SINCE_START & 1),
    )


def _run_vcgencmd() -> str:
    """Ask the firmware's own tool, for kernels without the file: ``throttled=0x0``."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        child = subprocess.run(
            [program, "get_throttled"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return child.stdout


def _read_word(path: Path) -> str:
    """Read a file of one word; empty if it cannot be read."""
    return (_read_text(path) or "").strip()


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
