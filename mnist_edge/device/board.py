"""What a machine says of itself, read from the places where Linux keeps it.

Each function takes the root of the file system, so that another machine's files can be read, and
gives None where this machine does not say.
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
"""Time that the firmware has for its answer."""
_FLAGS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of the firmware's word for what is so now; 16 more of each for what was since the start
(Raspberry Pi documentation, vcgencmd get_throttled)."""
_SINCE_START = 16
_GOVERNED = "sys/devices/system/cpu/cpu0/cpufreq"
"""Where the kernel keeps what it says of the first core's clock."""
_KIB = 1024
_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
}
"""Arm's part numbers of the processors of Raspberry Pis (Main ID Register, bits 15 to 4)."""


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A CPU."""

    architecture: str
    """The kernel's name of it, for example ``aarch64``."""
    name: str | None
    """Its model, where it is known."""
    features: tuple[str, ...]
    """Its extensions by the kernel's names, sorted."""
    kernel_bits: int
    """32 or 64."""
    python_bits: int
    """32 or 64: the userland's, which wheels are for."""

    @property
    def userland(self) -> str:
        """The architecture that wheels are for: a 64-bit kernel may run 32-bit programs."""
        if self.architecture == "aarch64" and self.python_bits == 32:
            return "armv7l"
        return self.architecture

    @property
    def has_vectors(self) -> bool:
        """Whether it computes several numbers at once; True where its features are not known."""
        if not self.features or not self.architecture.startswith(("arm", "aarch")):
            return True
        return not {"neon", "asimd"}.isdisjoint(self.features)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Main memory, in bytes."""

    total: int
    """All that the kernel has."""
    available: int
    """What a program can take without swapping."""


@dataclass(frozen=True, kw_only=True)
class Throttling:
    """What a Raspberry Pi's firmware holds back, and why."""

    now: tuple[str, ...]
    """What is so now."""
    before: tuple[str, ...]
    """What was so at some time since the start."""


def read_model_name(root: Path = ROOT) -> str | None:
    """The board's model, for example ``Raspberry Pi 4 Model B Rev 1.4``."""
    text = _text(root / "proc/device-tree/model")
    return text.strip("\0 \n") or None if text else None


def read_processor(root: Path = ROOT) -> Processor:
    """The CPU that this runs on."""
    # Arm and x86 say the same by other names, and Arm says it once for each core.
    fields: dict[str, str] = {}
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
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
    """The board's name, where it is one, and the processor's."""
    names = [read_model_name(root), read_processor(root).name or platform.processor()]
    return ", ".join(name for name in names if name) or None


def read_libc() -> tuple[str, str] | None:
    """The C library's name and version, for example ``("glibc", "2.36")``; musl says none."""
    name, version = platform.libc_ver()
    return (name, version) if name else None


def read_memory(root: Path = ROOT) -> Memory | None:
    """How much memory there is."""
    sizes = {}
    for line in (_text(root / "proc/meminfo") or "").splitlines():
        key, _, value = line.partition(":")
        number = value.removesuffix("kB").strip()
        if number.isdigit():
            sizes[key] = _KIB * int(number)
    if "MemTotal" not in sizes or "MemAvailable" not in sizes:
        return None
    return Memory(total=sizes["MemTotal"], available=sizes["MemAvailable"])


def read_temperature(root: Path = ROOT) -> float | None:
    """The hottest zone, in degrees Celsius."""
    degrees = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")):
        # A zone whose sensor is asleep fails to be read.
        said = _word(zone)
        if said.lstrip("-").isdigit():
            degrees.append(int(said) / 1000)
    return max(degrees, default=None)


def read_clock(root: Path = ROOT) -> float | None:
    """The first core's clock now, in MHz."""
    governed = _word(root / _GOVERNED / "scaling_cur_freq")
    if governed.isdigit():
        return int(governed) / 1000
    told = re.search(r"^cpu MHz\s*:\s*([0-9.]+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return float(told[1]) if told else None


def read_governor(root: Path = ROOT) -> str | None:
    """How the kernel sets the first core's clock, for example ``ondemand``."""
    return _word(root / _GOVERNED / "scaling_governor") or None


def read_throttling(root: Path = ROOT) -> Throttling | None:
    """What the firmware of a Raspberry Pi says of its power and heat."""
    said = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled") or _vcgencmd()
    try:
        word = int(said.partition("=")[2] or said, 16)
    except ValueError:
        return None
    return Throttling(
        now=tuple(name for bit, name in _FLAGS.items() if word >> bit & 1),
        before=tuple(name for bit, name in _FLAGS.items() if word >> bit + _SINCE_START & 1),
    )


def _vcgencmd() -> str:
    """The firmware's own tool, for kernels without the file: ``throttled=0x0``."""
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


def _word(path: Path) -> str:
    """What a file of one word says; nothing where it cannot be read."""
    return (_text(path) or "").strip()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
