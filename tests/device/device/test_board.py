from __future__ import annotations

import os
import platform
import shutil
import struct
from pathlib import Path

import pytest

from mnist_edge.device import board
from tests.support.files import write_text

KERNELS_CLOCK = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"


def test_the_board_and_its_processor_are_named(pi: Path) -> None:
    assert board.read_model_name(pi) == "Raspberry Pi 4 Model B Rev 1.4"
    processor = board.read_processor(pi)
    assert (processor.name, processor.userland) == ("Cortex-A72", "aarch64")
    assert processor.has_vectors
    assert board.describe_board(pi) == "Raspberry Pi 4 Model B Rev 1.4, Cortex-A72"


def test_a_machine_without_the_files_has_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(platform, "processor", lambda: "")
    for read in (
        board.read_model_name,
        board.describe_board,
        board.read_memory,
        board.read_temperature,
        board.read_clock,
        board.read_governor,
        board.read_throttling,
    ):
        assert read(tmp_path) is None


def test_a_32_bit_userland_takes_wheels_for_armv7l(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(struct, "calcsize", lambda _: 4)
    processor = board.read_processor(pi)
    assert (processor.architecture, processor.kernel_bits, processor.python_bits) == (
        "aarch64",
        64,
        32,
    )
    assert processor.userland == "armv7l"


def test_memory_is_in_bytes(pi: Path) -> None:
    memory = board.read_memory(pi)
    assert memory == board.Memory(total=3_884_000 << 10, available=2_048_000 << 10)


def test_the_hottest_zone_counts_and_a_sleeping_sensor_does_not(pi: Path) -> None:
    write_text(pi / "sys/class/thermal/thermal_zone1/temp", "81500\n")
    write_text(pi / "sys/class/thermal/thermal_zone2/temp", "hot")
    assert board.read_temperature(pi) == 81.5


def test_the_governor_is_read(pi: Path) -> None:
    write_text(pi / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n")
    assert board.read_governor(pi) == "ondemand"


def test_the_clock_comes_from_the_kernel_and_otherwise_from_cpuinfo(pi: Path) -> None:
    write_text(pi / "proc/cpuinfo", "processor\t: 0\ncpu MHz\t\t: 2494.140\n")
    assert board.read_clock(pi) == 2494.14
    write_text(pi / KERNELS_CLOCK, "1800000\n")
    assert board.read_clock(pi) == 1800


def test_throttling_comes_from_vcgencmd_where_the_kernel_has_no_file(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(pi / "sys/devices")
    assert board.read_throttling(pi) is None
    tool = pi / "bin" / "vcgencmd"
    write_text(tool, "#!/bin/sh\necho throttled=0x20000\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    assert board.read_throttling(pi) == board.Throttling(now=(), before=("frequency capped",))
