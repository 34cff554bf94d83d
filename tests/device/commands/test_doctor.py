from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mnist_edge import __version__
from mnist_edge.data.daily_counts import DailyCounts
from mnist_edge.device.doctor import host, software
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.selection import RUNTIME_VARIABLE
from tests.support.files import write_text
from tests.support.packages import CRASH
from tests.support.paths import NANO
from tests.support.programs import Run, Start

NAMES = ["board", "cpu", "libc", "python", "memory", "numpy", "pillow", "tflite-runtime"]


@pytest.fixture(autouse=True)
def fresh_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Select no runtime, and hide what other tests' watches have counted."""
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.slow
def test_this_machine_passes(run: Run) -> None:
    ran = run("doctor")
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert ran.stdout.splitlines()[0].startswith("good    board")


@pytest.mark.slow
def test_json_has_every_finding_with_its_facts(run: Run) -> None:
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
    speed = findings["speed edge"]["facts"]
    assert speed["microseconds"] > 0
    assert {name.split()[0] for name in speed["runtimes"]} >= {"numpy", "tflite-runtime"}


@pytest.mark.slow
def test_a_runtime_that_crashes_is_bad_and_another_is_not(packages: Path, run: Run) -> None:
    write_text(packages / "tflite_runtime/__init__.py", "")
    write_text(packages / "tflite_runtime/interpreter.py", CRASH)
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
    # Another runtime still works.
    ran = run("doctor", "--runtime", "numpy")
    assert ran.returncode == 0
    assert "warning tflite-runtime" in ran.stdout


@pytest.mark.slow
def test_the_doctor_runs_where_numpy_and_pillow_crash(packages: Path, start: Start) -> None:
    for module in ("numpy", "PIL", "tflite_runtime"):
        write_text(packages / module / "__init__.py", CRASH)
    ran = start("doctor")
    assert ran.returncode == 1
    assert ran.stderr == b""
    assert ran.stdout.count(b"crashes (SIGILL") >= 4
    assert b"good    model nano" in ran.stdout


def test_a_selected_runtime_that_is_not_installed_is_bad(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "tensorflow")
    ran = run("doctor")
    assert ran.returncode == 1
    assert "bad     runtime" in ran.stdout
    assert f"unset {RUNTIME_VARIABLE}" in ran.stdout


def test_the_name_of_a_long_source_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    source = "watch /home/pi/pictures/of\nthe/meter"
    counts = DailyCounts(source, warn=print)
    counts.add("m", [("7", 0.99)])
    counts.flush()
    monkeypatch.setattr(host, "examine_host", list)
    monkeypatch.setattr(software, "examine_software", list)
    name, found, summary = run("doctor").stdout.splitlines()
    assert name == "good    readings watch /home/pi/pictures/of\\x0athe/meter"
    assert found == f"{'':30}1 day is too few to tell whether a week differs"
    assert summary == "all good"
