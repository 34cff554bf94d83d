from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import rows
from benchmarks.speed import results
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.device.thermal import ThermalState, read_thermal_state, throttling_reason
from mnist_edge.errors import InvalidValue, ProgramFailed
from mnist_edge.evaluation.benchmark import baseline, cold_start
from mnist_edge.evaluation.benchmark.measure import BenchmarkPlan, interleaved_ratios
from mnist_edge.evaluation.benchmark.results import Benchmark, ModelTimes
from mnist_edge.evaluation.benchmark.timing import (
    summarize_latency,
    summarize_ratio,
    time_interleaved,
)
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.interpreter import Interpreter, dequantize
from mnist_edge.runtimes.selection import using_runtime

Run = Callable[..., CompletedProcess[str]]
SECONDS = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few rounds as show everything."""
    monkeypatch.setattr(BenchmarkPlan, "__init__", _plan_a_little)


def _plan_a_little(plan: BenchmarkPlan, digits: int, starts: int) -> None:
    for name, value in {"digits": digits, "pictures": 2, "rounds": 3, "starts": starts}.items():
        object.__setattr__(plan, name, value)


class Clock:
    """Every look at it takes a second, and every call as many as it says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called = ""

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            self.called += name
            self.now += seconds

        return call


def test_calls_take_turns_and_each_is_given_its_own_times() -> None:
    clock = Clock()
    times = time_interleaved([clock.work("A", 1), clock.work("B", 3)], rounds=3, clock=clock)
    assert clock.called == "ABABAB"
    assert times == [[1, 1, 1], [3, 3, 3]]


def test_ratios_are_to_the_first_and_one_round_does_not_count() -> None:
    clock = Clock()
    calls = [clock.work("A", 2), clock.work("B", 4), clock.work("C", 1)]
    half, double = interleaved_ratios(calls, rounds=2, clock=clock)[::-1]
    assert clock.called == "ABCABCABC"
    assert (double.median, half.median, half.rounds) == (2, 0.5, 2)


@given(SECONDS)
def test_percentiles_are_numpys(seconds: list[float]) -> None:
    found = summarize_latency(seconds, warm_up=7)
    expected = 1e6 * np.percentile(seconds, [50, 95, 99])
    assert [found.median_us, found.p95_us, found.p99_us] == pytest.approx(expected)
    assert (found.runs, found.warm_up) == (len(seconds), 7)


@given(SECONDS, st.floats(0.1, 10))
def test_what_slows_a_whole_round_leaves_the_ratio_alone(slow: list[float], ratio: float) -> None:
    found = summarize_ratio([ratio * times for times in slow], slow)
    assert [found.low, found.median, found.high] == pytest.approx(3 * [ratio])


def test_a_programs_peak_is_its_own_and_not_its_parents() -> None:
    ballast = np.ones(60 << 17)  # 60 MiB in this process
    command = [sys.executable, "-S", "-c", "pass"]
    (small,) = cold_start.time_starts([command], rounds=2)
    assert ballast.all()
    assert len(small.seconds) == 2
    if small.peak_mib is not None:
        assert 1 < small.peak_mib < 40


def test_a_program_that_fails_is_not_timed() -> None:
    with pytest.raises(ProgramFailed, match=r"status 3.*doctor"):
        cold_start.time_starts([[sys.executable, "-S", "-c", "raise SystemExit(3)"]], rounds=1)


def test_programs_are_started_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = [
        [sys.executable, "-S", "-c", f"open({str(log)!r}, 'a').write({name!r})"] for name in "AB"
    ]
    cold_start.time_starts(commands, rounds=2)
    assert log.read_text(encoding="utf-8") == "ABABAB"  # the first of each does not count


def test_the_bare_script_reads_a_plain_digit_as_predict_does(
    nano: Path, tmp_path: Path, run: Run
) -> None:
    digits, path = load_builtin_digits(), tmp_path / "digit.png"
    Image.fromarray(255 - digits.images[70]).save(path)
    command = baseline.script_argv(nano / "int8.tflite", path)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == str(digits.labels[70])
    assert run("predict", "--model", nano, path).stdout.startswith(f"{path}: {said} ")


def test_the_bare_loop_gives_the_same_logits(nano: Path) -> None:
    model = loading.load_model(nano)
    digits = load_builtin_digits().images
    interpreter, call = Interpreter(model.content), baseline.bare_call(model.content)
    outputs = np.concatenate([call(one) for one in baseline.as_input(digits, interpreter.input)])
    assert np.array_equal(dequantize(outputs, interpreter.output), interpreter.logits(digits))


def test_there_is_no_floor_under_numpy(nano: Path) -> None:
    with using_runtime("numpy"), pytest.raises(InvalidValue, match="leave out --baseline"):
        baseline.bare_call(loading.load_model(nano).content)


@pytest.mark.usefixtures("little")
def test_the_json_has_every_field(run: Run, nano: Path) -> None:
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
    assert set(document["before"]) == set(
        asdict(ThermalState(celsius=None, mhz=None, throttled=None))
    )


@pytest.mark.usefixtures("little")
def test_the_table_fits_a_terminal_and_numpy_tells_its_operators(run: Run, nano: Path) -> None:
    words = ("--digits", "3", "--starts", "1", "--runtime", "numpy", "--compare", nano)
    ran = run("benchmark", nano, *words)
    assert ran.returncode == 0, ran.stderr
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    for part in ("one digit", "digit.png", "digits per second", "cold start", "CONV_2D", "share"):
        assert part in ran.stdout


def test_a_board_that_slows_itself_is_told() -> None:
    cool = ThermalState(celsius=50.0, mhz=1500.0, throttled=())
    assert throttling_reason(cool, cool) is None
    assert "throttled" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=("throttled",)))
    )
    assert "600 MHz" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=None))
    )
    # A governor wakes a clock up.
    assert throttling_reason(ThermalState(celsius=None, mhz=600.0, throttled=None), cool) is None


def test_heat_is_read_where_the_system_keeps_it(tmp_path: Path) -> None:
    for path, text in {
        "sys/class/thermal/thermal_zone0/temp": "61500\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "4\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert read_thermal_state(tmp_path) == ThermalState(
        celsius=61.5, mhz=1800.0, throttled=("throttled",)
    )
    assert read_thermal_state(tmp_path / "nothing").mhz is None


@pytest.mark.parametrize("name", ["digits", "pictures", "rounds", "starts"])
def test_nothing_to_measure_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match=f"{name} 0"):
        BenchmarkPlan(**{name: 0})


@pytest.mark.parametrize(
    ("ratio", "goal", "target", "short"),
    [
        (1.5, "at most", 1.25, 0.2),
        (1.25, "at most", 1.25, None),
        (1.5, "at least", 2.0, 0.25),
        (2.5, "at least", 2.0, None),
        (9.0, None, None, None),
    ],
)
def test_a_row_tells_by_how_much_it_falls_short(
    ratio: float, goal: rows.Goal | None, target: float | None, short: float | None
) -> None:
    fast = goal == "at least"
    times = ([1.0, 2.0], [ratio, 2 * ratio])
    ours, theirs = times if fast else times[::-1]
    row = rows.row_of_times("it", ours, "floor", theirs, goal=goal, target=target)
    assert row.ratio == pytest.approx(ratio)
    assert row.short_by == (None if short is None else pytest.approx(short))


def test_the_page_shows_every_row_and_what_falls_short() -> None:
    missed = rows.row_of_times("slow", [3.0], "floor", [1.0], goal="at most", target=2)
    met = rows.row_of_times("quick", [1.0], "floor", [1.0], goal="at most", target=2)
    page = results.page([("Both", [missed, met])], share=1)
    assert "| slow | 3,000 ms | floor | 1,000 ms | 3.00 | 3.00 to 3.00 | at most 2 |" in page
    assert "- slow: by 50 %." in page
    assert "- quick" not in page


def test_every_script_of_speed_is_run() -> None:
    benchmarks = Path(results.__file__).parents[1]
    measuring = {
        f"{path.parent.name}.{path.stem}"
        for path in benchmarks.glob("*/*.py")
        if "rows import" in path.read_text()
    }
    assert measuring - {"speed.results"} == set(results.SCRIPTS)
