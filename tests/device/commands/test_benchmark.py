from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from mnist_edge.device.thermal import ThermalState
from mnist_edge.evaluation.benchmark.measure import BenchmarkPlan
from mnist_edge.evaluation.benchmark.results import Benchmark, ModelTimes
from tests.support.programs import Run


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as few rounds as possible."""
    monkeypatch.setattr(BenchmarkPlan, "__init__", _plan_a_little)


def _plan_a_little(plan: BenchmarkPlan, digits: int, starts: int) -> None:
    for name, value in {"digits": digits, "pictures": 2, "rounds": 3, "starts": starts}.items():
        object.__setattr__(plan, name, value)


@pytest.mark.usefixtures("little")
@pytest.mark.slow
def test_json_has_every_field(run: Run, nano: Path) -> None:
    words = ("--format", "json", "--digits", "5", "--starts", "1", "--compare", nano)
    ran = run("benchmark", nano, "--baseline", *words)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert list(document) == [field.name for field in fields(Benchmark)]
    first, second = document["models"]
    assert list(first) == [field.name for field in fields(ModelTimes)]
    assert first["model"] == second["model"] == "nano/int8"
    assert first["digit"]["runs"] == 5
    assert first["digit"]["warm_up"] > 0
    assert first["digit"]["median_us"] <= first["digit"]["p95_us"] <= first["digit"]["p99_us"]
    rates = [(rate["threads"], rate["batch"]) for rate in first["throughput"]]
    assert rates == sorted(rates)
    assert rates[0] == (1, 1)
    assert first["operators"] is None  # TFLite's Python does not tell
    assert document["compared"][0]["to"] == "nano/int8"
    assert document["compared"][0]["digit"]["rounds"] == 3
    assert document["floor"]["cold_start"]["rounds"] == 1
    runtimes = [one["runtime"].split()[0] for one in document["runtimes"]]
    assert runtimes[-2:] == ["tflite-runtime", "numpy"]
    assert set(document["before"]) == set(
        asdict(ThermalState(celsius=None, mhz=None, throttled=None))
    )


@pytest.mark.slow
@pytest.mark.usefixtures("little")
def test_the_table_fits_80_columns_and_lists_operators_on_numpy(run: Run, nano: Path) -> None:
    words = ("--digits", "3", "--starts", "1", "--runtime", "numpy", "--compare", nano)
    ran = run("benchmark", nano, *words)
    assert ran.returncode == 0, ran.stderr
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    for part in ("one digit", "digit.png", "digits per second", "cold start", "CONV_2D", "share"):
        assert part in ran.stdout
