"""What a machine says of itself, and what it leaves unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.report import device
from mnist_edge.workers import cores

PI = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimddp
CPU implementer\t: 0x41
"""
SERVER = """\
processor\t: 0
model name\t: Some(R) Processor @ 2.50GHz
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni
"""


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of what the system tells, which is nothing yet."""
    for name in ("_CPUINFO", "_BOARD", "_GOVERNOR", "_THERMAL"):
        monkeypatch.setattr(device, name, tmp_path / name)
    monkeypatch.setattr("platform.processor", lambda: "")
    return tmp_path


def test_a_raspberry_pi_is_named_by_its_board(say: Path) -> None:
    (say / "_CPUINFO").write_text(PI)
    (say / "_BOARD").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert device.cpu() == "Raspberry Pi 4 Model B Rev 1.4 (asimd asimddp)"


def test_a_server_is_named_by_its_processor(say: Path) -> None:
    (say / "_CPUINFO").write_text(SERVER)
    assert device.cpu() == "Some(R) Processor @ 2.50GHz (avx2 avx512f avx512_vnni)"


def test_governor_and_temperature_are_told_where_the_system_does(say: Path) -> None:
    (say / "_GOVERNOR").write_text("ondemand\n")
    (say / "_THERMAL").write_text("48312\n")
    assert device.governor() == "ondemand"
    assert device.temperature() == 48.312


def test_a_system_that_tells_nothing_is_no_error(say: Path) -> None:
    assert (device.cpu(), device.governor(), device.temperature()) == (None, None, None)
    (say / "_THERMAL").write_text("hot")
    assert device.temperature() is None
    assert cores() >= 1
    assert device.machine().count(", ") == 2
