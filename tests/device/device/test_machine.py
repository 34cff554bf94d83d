"""How a report describes the machine that it was made on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.device import machine
from tests.support.files import write_text

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
    """The root folder of a machine without any system files."""
    monkeypatch.setattr("platform.processor", lambda: "")
    return tmp_path


def test_a_raspberry_pi_is_named_by_its_board(root: Path) -> None:
    write_text(root / "proc/cpuinfo", PI)
    write_text(root / "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    assert (
        machine.describe_cpu(root) == "Raspberry Pi 5 Model B Rev 1.0, Cortex-A76 (asimd asimddp)"
    )


def test_a_server_is_named_by_its_processor(root: Path) -> None:
    write_text(root / "proc/cpuinfo", SERVER)
    assert machine.describe_cpu(root) == "Some(R) Processor @ 2.50GHz (avx2 avx512f avx512_vnni)"


def test_an_unknown_machine_has_no_cpu_and_is_described(root: Path) -> None:
    assert machine.describe_cpu(root) is None
    assert machine.describe_machine().count(", ") == 2
