from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests.support.files import write_text

CPUINFO_OF_A_PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

processor\t: 1
Features\t: fp asimd evtstrm crc32 cpuid
CPU part\t: 0xd08

Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root folder of a healthy Raspberry Pi 4, with the system files that are read."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": CPUINFO_OF_A_PI_4,
        "proc/meminfo": "MemTotal: 3884000 kB\nMemFree: 9 kB\nMemAvailable: 2048000 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    }.items():
        write_text(tmp_path / name, text)
    return tmp_path
