from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.device.doctor import host
from mnist_edge.device.doctor.finding import Finding
from mnist_edge.device.doctor.host import examine_host
from tests.support.files import write_text


def findings_of(root: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_host(root)}


def check_advice(finding: Finding, status: str, found: str, advice: str) -> None:
    assert finding.status == status
    assert found in finding.found
    assert advice in str(finding.advice)


def test_every_finding_of_a_healthy_pi_is_good(pi: Path) -> None:
    found = findings_of(pi)
    assert {finding.status for finding in found.values()} == {"good"}
    assert all(finding.advice is None for finding in found.values())
    assert found["board"].found == "Raspberry Pi 4 Model B Rev 1.4"
    assert found["cpu"].found == "Cortex-A72, aarch64, 64-bit Python, asimd"
    assert found["cpu"].facts["features"] == ("asimd", "cpuid", "crc32", "evtstrm", "fp")
    assert found["libc"].found == "glibc 2.36"
    assert found["memory"].found == "2,000 of 3,792 MiB available"
    assert found["temperature"].facts == {"celsius": 48.312}
    assert found["throttling"].found == "none since the start"


def test_missing_system_files_are_not_a_fault(tmp_path: Path) -> None:
    found = findings_of(tmp_path)
    assert {finding.status for finding in found.values()} == {"good"}
    assert list(found) == ["board", "cpu", "libc", "python"]
    assert found["board"].facts == {"model": None}


@pytest.mark.parametrize(
    ("word", "status", "found", "advice"),
    [
        ("50005", "bad", "under-voltage, throttled now; under-voltage, throttled since", "power"),
        ("0x50000", "warning", "under-voltage, throttled since the start", "power supply"),
        ("80008", "warning", "soft temperature limit now", "cool it"),
        ("2", "warning", "frequency capped now", "cool it"),
    ],
)
def test_throttling_is_reported_with_advice(
    word: str, status: str, found: str, advice: str, pi: Path
) -> None:
    write_text(pi / "sys/devices/platform/soc/soc:firmware/get_throttled", f"{word}\n")
    check_advice(findings_of(pi)["throttling"], status, found, advice)


def test_high_temperature_and_low_memory_are_warnings(pi: Path) -> None:
    write_text(pi / "sys/class/thermal/thermal_zone1/temp", "81500\n")
    write_text(pi / "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 20000 kB\n")
    found = findings_of(pi)
    check_advice(found["temperature"], "warning", "82 degrees", "cool it")
    check_advice(found["memory"], "warning", "19 of 488 MiB", "end other programs")


def test_an_armv6_board_and_an_old_glibc_are_warnings(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(
        pi / "proc/cpuinfo", "model name: ARMv6\nFeatures: half thumb vfp\nCPU part: 0xb76\n"
    )
    monkeypatch.setattr(platform, "machine", lambda: "armv6l")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
    found = findings_of(pi)
    check_advice(found["cpu"], "warning", "ARM1176, armv6l", "--runtime numpy")
    check_advice(found["libc"], "warning", "glibc 2.31", "bookworm")


def test_a_libc_other_than_glibc_has_no_version(pi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert findings_of(pi)["libc"].facts == {"name": None, "version": None}


def test_32_bit_python_on_a_64_bit_kernel_is_named(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(struct, "calcsize", lambda _: 4)
    assert "32-bit Python on a 64-bit kernel" in findings_of(pi)["cpu"].found


@given(content=st.binary(max_size=80))
def test_system_files_of_any_content_are_read(content: bytes, tmp_path_factory: Any) -> None:
    root = tmp_path_factory.mktemp("root")
    for name in ("proc/cpuinfo", "proc/meminfo", "sys/class/thermal/thermal_zone0/temp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    assert "cpu" in findings_of(root)


def test_an_old_python_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "_MIN_PYTHON", (sys.version_info[0] + 1, 0))
    check_advice(findings_of(tmp_path)["python"], "bad", ".", "use Python")
