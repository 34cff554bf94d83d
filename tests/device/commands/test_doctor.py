from __future__ import annotations

import json
import os
import platform
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge import __version__
from mnist_edge.device import board
from mnist_edge.device.doctor import host, probe
from mnist_edge.device.doctor.finding import Finding
from mnist_edge.device.doctor.host import examine_host
from mnist_edge.device.doctor.software import examine_software
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import selection
from mnist_edge.runtimes.golden import encode_golden
from mnist_edge.runtimes.selection import RUNTIME_VARIABLE
from mnist_edge.system.subprocesses import ChildFailed
from tests.support.paths import NANO

Run = Callable[..., CompletedProcess[str]]
Start = Callable[..., CompletedProcess[bytes]]
CPU_OF_A_PI_4 = """\
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
NAMES = ["board", "cpu", "libc", "python", "memory", "numpy", "pillow", "tflite-runtime"]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a sound Raspberry Pi 4's file system, what is read of it."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": CPU_OF_A_PI_4,
        "proc/meminfo": "MemTotal: 3884000 kB\nMemFree: 9 kB\nMemAvailable: 2048000 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    }.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def looked(root: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_host(root)}


def tried() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_software()}


def check_advice(finding: Finding, status: str, found: str, advice: str) -> None:
    assert finding.status == status
    assert found in finding.found
    assert advice in str(finding.advice)


def test_a_sound_pi_is_good_in_every_line(pi: Path) -> None:
    found = looked(pi)
    assert {finding.status for finding in found.values()} == {"good"}
    assert all(finding.advice is None for finding in found.values())
    assert found["board"].found == "Raspberry Pi 4 Model B Rev 1.4"
    assert found["cpu"].found == "Cortex-A72, aarch64, 64-bit Python, asimd"
    assert found["cpu"].facts["features"] == ("asimd", "cpuid", "crc32", "evtstrm", "fp")
    assert found["libc"].found == "glibc 2.36"
    assert found["memory"].found == "2,000 of 3,792 MiB available"
    assert found["temperature"].facts == {"celsius": 48.312}
    assert found["throttling"].found == "none since the start"


def test_a_machine_that_says_nothing_is_no_fault(tmp_path: Path) -> None:
    found = looked(tmp_path)
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
def test_a_board_without_power_or_too_hot_is_told(
    word: str, status: str, found: str, advice: str, pi: Path
) -> None:
    write(pi / "sys/devices/platform/soc/soc:firmware/get_throttled", f"{word}\n")
    check_advice(looked(pi)["throttling"], status, found, advice)


def test_the_firmwares_own_tool_is_asked_where_there_is_no_file(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(pi / "sys/devices")
    assert "throttling" not in looked(pi)
    tool = pi / "bin" / "vcgencmd"
    write(tool, "#!/bin/sh\necho throttled=0x20000\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    assert looked(pi)["throttling"].found == "frequency capped since the start"


def test_heat_and_want_of_memory_are_told(pi: Path) -> None:
    write(pi / "sys/class/thermal/thermal_zone1/temp", "81500\n")
    write(pi / "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 20000 kB\n")
    found = looked(pi)
    check_advice(found["temperature"], "warning", "82 degrees", "cool it")
    check_advice(found["memory"], "warning", "19 of 488 MiB", "end other programs")


def test_an_old_board_and_an_old_system_are_told(pi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(pi / "proc/cpuinfo", "model name: ARMv6\nFeatures: half thumb vfp\nCPU part: 0xb76\n")
    monkeypatch.setattr(platform, "machine", lambda: "armv6l")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
    found = looked(pi)
    check_advice(found["cpu"], "warning", "ARM1176, armv6l", "--runtime numpy")
    check_advice(found["libc"], "warning", "glibc 2.31", "bookworm")


def test_a_libc_that_is_not_glibc_has_no_version(pi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert looked(pi)["libc"].facts == {"name": None, "version": None}


def test_programs_of_32_bits_on_a_kernel_of_64_are_told(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(struct, "calcsize", lambda _: 4)
    assert "32-bit Python on a 64-bit kernel" in looked(pi)["cpu"].found
    assert board.read_processor(pi).userland == "armv7l"


@given(content=st.binary(max_size=80))
def test_whatever_the_files_hold_is_looked_at(content: bytes, tmp_path_factory: Any) -> None:
    root = tmp_path_factory.mktemp("root")
    for name in ("proc/cpuinfo", "proc/meminfo", "sys/class/thermal/thermal_zone0/temp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    assert "cpu" in looked(root)


def test_this_machine_reads_pictures(run: Run) -> None:
    ran = run("doctor")
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert ran.stdout.splitlines()[0].startswith("good    board")


def test_the_json_says_the_same_for_programs(run: Run) -> None:
    ran = run("doctor", "--format", "json", "--runtime", "numpy")
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert list(document) == ["version", "status", "findings"]
    assert document["version"] == __version__
    findings = {finding.pop("name"): finding for finding in document["findings"]}
    assert set(NAMES) <= set(findings)
    fields = {"status", "found", "advice", "facts"}
    assert all(set(finding) == fields for finding in findings.values())
    assert document["status"] in {finding["status"] for finding in findings.values()}
    assert findings["numpy-runtime"]["facts"]["in_use"]
    assert findings["model nano"]["facts"]["sha256"]["int8"] == loading.load_model(NANO).sha256
    assert findings["self-test nano"]["facts"]["runtime"] == f"numpy {np.__version__}"
    assert findings["speed edge"]["facts"]["microseconds"] > 0


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before the installed ones, in children alone."""
    folder = tmp_path / "packages"
    folder.mkdir()
    before = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, before)))
    return folder


CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"


@pytest.mark.slow
def test_a_runtime_that_crashes_becomes_a_sentence(packages: Path, run: Run) -> None:
    write(packages / "tflite_runtime/__init__.py", "")
    write(packages / "tflite_runtime/interpreter.py", CRASH)
    ran = run("doctor", "--format", "json")
    assert ran.returncode == 1
    document = json.loads(ran.stdout)
    assert document["status"] == "bad"
    findings = {finding["name"]: finding for finding in document["findings"]}
    broken = findings["tflite-runtime"]
    assert broken["status"] == "bad"
    assert "in use, crashes (SIGILL, illegal instruction)" in broken["found"]
    assert "--runtime numpy" in broken["advice"]
    assert findings["self-test nano"]["status"] == "bad"
    # Another runtime is none the worse for it.
    ran = run("doctor", "--runtime", "numpy")
    assert ran.returncode == 0
    assert "warning tflite-runtime" in ran.stdout


@pytest.mark.parametrize(
    ("module", "name"), [("numpy", "numpy"), ("PIL", "pillow")], ids=["numpy", "pillow"]
)
def test_a_package_that_crashes_becomes_a_sentence(module: str, name: str, packages: Path) -> None:
    write(packages / module / "__init__.py", CRASH)
    check_advice(tried()[name], "bad", "it crashes (SIGILL", "pip install --force-reinstall")


def test_the_doctor_itself_needs_neither_numpy_nor_pillow(packages: Path, start: Start) -> None:
    for module in ("numpy", "PIL", "tflite_runtime"):
        write(packages / module / "__init__.py", CRASH)
    ran = start("doctor")
    assert ran.returncode == 1
    assert ran.stderr == b""
    assert ran.stdout.count(b"crashes (SIGILL") >= 4
    assert b"good    model nano" in ran.stdout


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (CRASH, r"^crashes \(SIGILL, illegal instruction"),
        ("import time\ntime.sleep(60)", "^gives no answer in 0.5 seconds$"),
        ("raise ImportError('no such\\nsymbol')", "^fails: ImportError: no such symbol$"),
        ("raise SystemExit(7)", "^ends with status 7"),
        ("import os\nos._exit(0)", "^ends with status 0"),
    ],
    ids=["crash", "hang", "error", "exit", "silence"],
)
def test_whatever_an_import_does_is_told(program: str, said: str, packages: Path) -> None:
    write(packages / "broken.py", program)
    with pytest.raises(ChildFailed, match=said):
        # A hang is given up soon; what starts Python is given time.
        probe.probe_package("broken", seconds=0.5 if "sleep" in program else 60)


def test_a_numpy_that_the_runtime_was_not_built_for_is_bad(packages: Path) -> None:
    write(packages / "numpy/__init__.py", "__version__ = '2.2.6'\n")
    check_advice(tried()["numpy"], "bad", "binary interface 2", "pip install 'numpy<2'")


def test_that_numpy_is_good_without_that_runtime(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(packages / "numpy/__init__.py", "__version__ = '2.2.6'\n")
    installed = {"ai-edge-litert": "2.3.0", "numpy": "2.2.6"}
    monkeypatch.setattr(selection, "_version", installed.get)
    assert tried()["numpy"].status == "good"


def test_an_old_pillow_is_a_warning(packages: Path) -> None:
    write(packages / "PIL/__init__.py", "__version__ = '9.0.1'\n")
    check_advice(tried()["pillow"], "warning", "9.0.1", "pillow>=9.4")


def test_a_runtime_that_was_chosen_and_is_not_there_is_bad(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "tensorflow")
    ran = run("doctor")
    assert ran.returncode == 1
    assert "bad     runtime" in ran.stdout
    assert f"unset {RUNTIME_VARIABLE}" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "libc", "status"),
    [
        ("aarch64", ("glibc", "2.36"), "warning"),
        ("armv6l", ("glibc", "2.36"), "good"),
        ("x86_64", ("", ""), "good"),
    ],
)
def test_numpy_alone_is_a_warning_where_a_faster_one_is_to_be_had(
    architecture: str, libc: tuple[str, str], status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "_is_installed", {"numpy"}.__contains__)
    monkeypatch.setattr(selection, "_version", {"numpy": np.__version__}.get)
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    found = tried()["numpy-runtime"]
    assert found.status == status
    assert ("pip install" in str(found.advice)) == (status == "warning")


def test_not_even_numpy_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_is_installed", set[str]().__contains__)
    check_advice(tried()["runtime"], "bad", "numpy is not installed", "")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of nano in a copy of what is shipped, in this process alone."""
    folder = tmp_path / "models" / "nano"
    folder.mkdir(parents=True)
    for suffix in ("tflite", "json"):
        shutil.copy(NANO / f"int8.{suffix}", folder)
    monkeypatch.setattr(loading, "shipped_models_folder", lambda: folder.parent)
    # A child finds what is shipped by itself: it is told by the folder.
    in_child = probe.probe_model
    monkeypatch.setattr(probe, "probe_model", lambda name: in_child(str(folder.parent / name)))
    return folder


def give_golden(folder: Path, *, off: int) -> None:
    """Gives a model the golden vectors of the installed runtime, one of them so many steps off."""
    from mnist_edge.runtimes.interpreter import Interpreter

    model = loading.load_model(folder)
    inputs = np.zeros((16, 28, 28), np.uint8)
    outputs = np.stack([Interpreter(model.content).raw_output(digit) for digit in inputs])
    outputs[5, 0] += off
    path = folder / "int8.json"
    golden = encode_golden(inputs, outputs, runtime=selection.describe_runtime(), tolerance=10)
    document = json.loads(path.read_text())
    document["golden"] = golden.__dict__
    path.write_text(json.dumps(document))


def test_a_model_that_answers_as_it_should_is_good(models: Path) -> None:
    give_golden(models, off=0)
    found = tried()["self-test nano"]
    assert found.status == "good"
    assert found.found == "16 golden vectors, all the same"


def test_a_model_that_answers_otherwise_is_bad(models: Path, run: Run) -> None:
    give_golden(models, off=1)
    found = tried()["self-test nano"]
    check_advice(found, "bad", "1 of them up to 1 steps off, 0 allowed", "--runtime numpy")
    assert found.facts["steps"] == [0] * 5 + [1] + [0] * 10
    assert run("doctor").returncode == 1


def test_a_model_without_golden_vectors_is_a_warning(models: Path) -> None:
    path = models / "int8.json"
    document = json.loads(path.read_text())
    document.pop("golden", None)
    path.write_text(json.dumps(document))
    check_advice(tried()["self-test nano"], "warning", "no golden vectors", "convert")


def test_a_model_that_was_changed_is_bad(models: Path) -> None:
    path = models / "int8.tflite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = tried()
    check_advice(found["model nano"], "bad", "its manifest lists", "pip install")
    assert found["self-test nano"].status == "bad"


def test_a_model_that_nothing_vouches_for_is_a_warning(models: Path) -> None:
    (models / "int8.json").unlink()
    check_advice(tried()["model nano"], "warning", "no manifest for int8.tflite", "reinstall")


def test_an_old_python_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "_MIN_PYTHON", (sys.version_info[0] + 1, 0))
    check_advice(looked(tmp_path)["python"], "bad", ".", "use Python")
