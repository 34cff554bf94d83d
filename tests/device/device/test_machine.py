"""What a report says of the machine that made it, and what it leaves unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.device import board, machine
from mnist_edge.inference.worker_pool import available_cores

PI = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b
"""
SERVER = """\
processor\t: 0
model\t\t: 85
model name\t: Some(R) Processor @ 2.50GHz
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni
"""


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file system of a machine that tells nothing yet."""
    monkeypatch.setattr("platform.processor", lambda: "")
    return tmp_path


def say(root: Path, place: str, text: str) -> None:
    """Has the machine tell something."""
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_raspberry_pi_is_named_by_its_board(root: Path) -> None:
    say(root, "proc/cpuinfo", PI)
    say(root, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    assert (
        machine.describe_cpu(root) == "Raspberry Pi 5 Model B Rev 1.0, Cortex-A76 (asimd asimddp)"
    )


def test_a_server_is_named_by_its_processor(root: Path) -> None:
    say(root, "proc/cpuinfo", SERVER)
    assert machine.describe_cpu(root) == "Some(R) Processor @ 2.50GHz (avx2 avx512f avx512_vnni)"


def test_governor_and_temperature_are_told_where_the_system_does(root: Path) -> None:
    say(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n")
    say(root, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    assert board.read_governor(root) == "ondemand"
    assert board.read_temperature(root) == 48.312


def test_a_system_that_tells_nothing_is_no_error(root: Path) -> None:
    assert (
        machine.describe_cpu(root),
        board.read_governor(root),
        board.read_temperature(root),
    ) == (None, None, None)
    say(root, "sys/class/thermal/thermal_zone0/temp", "hot")
    assert board.read_temperature(root) is None
    assert available_cores() >= 1
    assert machine.describe_machine().count(", ") == 2
