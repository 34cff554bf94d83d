"""The command: what it writes and prints, its gates, and two reports side by side."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mnist_edge.commands.report_text import format_comparison, format_report
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.diff import diff_reports
from mnist_edge.evaluation.report.document import load_report, report_to_dict, rounded
from mnist_edge.evaluation.report.gates import Limits, failure_messages
from mnist_edge.evaluation.report.junit import to_junit
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.render.diff_page import diff_to_html, diff_to_markdown
from mnist_edge.evaluation.report.results import Report
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.metrics.intervals import Interval
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import Score
from mnist_edge.runtimes.selection import describe_runtime

Run = Callable[..., CompletedProcess[str]]
CLEAN = ("--corrupted", "0")
FORMS = ("json", "markdown", "html")


@pytest.fixture(scope="module")
def of_nano(nano: Path, test_digits: Digits) -> Report:
    """A report of all schemes of the shipped model over a few digits."""
    return measure_schemes(
        loading.load_all_schemes(nano),
        mnist_test_images(test_digits.take(np.arange(900, 1_000))),
        plan=CorruptionPlan(pictures=10, severities=(1, 5)),
        command="mnist-edge report models/nano",
        on_progress=lambda count: None,
    )


def with_drop(found: Report, points: float, largest: float) -> Report:
    """The same with an int8 that loses so much."""
    schemes = [
        dataclasses.replace(scheme, drop_points=points, largest_drop=largest)
        if scheme.scheme == "int8"
        else scheme
        for scheme in found.schemes
    ]
    return dataclasses.replace(found, schemes=tuple(schemes))


def report_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("report*"))


def test_the_command_writes_the_report_and_the_manifests_test_scores(own: Path, run: Run) -> None:
    ran = run("report", own, "--format", "json", "--max-drop", "5", *CLEAN)
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert document == json.loads((own / "report.json").read_text(encoding="utf-8"))
    assert (
        document["command"] == f"mnist-edge report {own} --format json --max-drop 5 --corrupted 0"
    )
    assert [gate["passed"] for gate in document["gates"]] == [True]
    assert {"report.json", "report.md"} <= set(report_names(own))
    assert "report.json" in ran.stderr
    for scheme in document["schemes"]:
        stored = loading.load_model(own, scheme=scheme["scheme"])
        assert stored.manifest is not None
        assert stored.manifest.test == Score(
            correct=scheme["correct"], total=10_000, runtime=describe_runtime()
        )


def test_the_command_leaves_the_model_alone_when_it_writes_elsewhere(
    quick: Path, tmp_path: Path, run: Run
) -> None:
    before = {path.name: path.read_bytes() for path in quick.iterdir()}
    ran = run("report", quick, "--out", tmp_path / "elsewhere", *CLEAN)
    assert ran.returncode == 0
    assert {"report.json", "report.md"} <= set(report_names(tmp_path / "elsewhere"))
    assert {path.name: path.read_bytes() for path in quick.iterdir()} == before


def test_the_verdict_is_what_is_read_first_and_nothing_is_wider_than_a_terminal(
    of_nano: Report,
) -> None:
    text = format_report(of_nano)
    first, *_ = text.split("\n\n")
    assert " ".join(first.split()) == of_nano.verdict
    assert max(map(len, text.splitlines())) <= 80
    for kind in ("shot-noise", "canny-edges"):
        assert text.count(f"\n{kind} ") == 2


def test_a_shipped_models_report_goes_to_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    # Data that is not there ends it once the folder was chosen, long before it is measured.
    monkeypatch.chdir(tmp_path)
    ran = run("report", "nano", "--mnist", tmp_path / "none")
    assert ran.returncode == 1
    assert (tmp_path / "runs" / "nano").is_dir()


def test_some_schemes_can_be_measured_against_another(own: Path, run: Run, tmp_path: Path) -> None:
    shutil.copy(own / "float32.tflite", own / "dynamic.tflite")
    words = ("--against", "int8", "--scheme", "float32", "--out", tmp_path / "out")
    ran = run("report", own, *words, *CLEAN, "--format", "json")
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert document["reference"] == "int8"
    assert [scheme["scheme"] for scheme in document["schemes"]] == ["int8", "float32"]
    for option in ("--against", "--scheme"):
        refused = run("report", own, option, "int7")
        assert refused.returncode == 2
        assert "unknown scheme 'int7'" in refused.stderr


def test_a_folder_without_the_reference_says_so_in_a_line(own: Path, run: Run) -> None:
    (own / "float32.tflite").unlink()
    ran = run("report", own)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.endswith(f"mnist-edge convert {own} --quantize float32\n")
    assert ran.stderr.count("\n") == 1


def test_a_broken_int8_misses_the_gate(quick: Path, nano: Path, tiny: Path, run: Run) -> None:
    shutil.copy(nano / "float32.tflite", quick)
    shutil.copy(tiny / "zero.tflite", quick / "int8.tflite")
    junit = quick / "ci" / "junit.xml"
    ran = run("report", quick, "--max-drop", "1.5", *CLEAN, "--junit", junit)
    assert ran.returncode == 3
    # It answers 0, as 980 of the 10,000 are labelled.
    assert ran.stdout.startswith("int8 is broken: 9.80 % of 10,000 pictures against 99.")
    assert "it answers 0 to nearly everything" in " ".join(ran.stdout.split())
    reason, wrote = ran.stderr.splitlines()
    assert reason.startswith("gate missed: int8 has 90.")
    assert "at most 1.5 allowed by --max-drop" in reason
    assert str(junit) in wrote
    (failure,) = ET.parse(junit).getroot().iter("failure")  # noqa: S314  # written a moment ago
    assert failure.get("message") == reason
    assert {"report.json", "report.md"} <= set(report_names(quick))


@pytest.mark.parametrize(
    ("limits", "missed"),
    [
        ({"max_drop": 0.5}, []),
        ({"max_drop": 0.4999}, ["--max-drop"]),
        ({"max_drop_point": 0.2}, []),
        ({"max_drop_point": 0.1999, "max_drop": 0.6}, ["--max-drop-point"]),
        ({"min_accuracy": 101}, ["--min-accuracy"]),
        ({"max_size": 26_201}, []),
        ({"max_size": 26_200, "min_accuracy": 0}, ["--max-size"]),
        ({"max_latency_ratio": 1e6}, []),
        ({"max_latency_ratio": 1e-6}, ["--max-latency-ratio"]),
        ({"max_drop_corrupted": 100}, []),
        ({"max_drop_corrupted": -100}, ["--max-drop-corrupted"]),
        ({}, []),
    ],
)
def test_a_gate_is_missed_by_more_than_it_allows_and_not_by_as_much(
    limits: dict[str, float], missed: list[str], of_nano: Report
) -> None:
    found = with_drop(of_nano, 0.2, 0.5)
    # The others lose less than that, for int8 to be what the gates are about.
    schemes = [one for one in found.schemes if one.scheme in ("float32", "float16", "int8")]
    schemes = [
        one if one.scheme == "int8" else dataclasses.replace(one, drop_points=0, largest_drop=0)
        for one in schemes
    ]
    found = dataclasses.replace(found, schemes=tuple(schemes))
    results = Limits(**limits).check(found)
    assert len(results) == len(limits)
    assert [one.name for one in results if not one.passed] == missed
    said = failure_messages(results)
    assert len(said) == len(missed)
    for name, reason in zip(missed, said, strict=True):
        assert reason.startswith("gate missed: ")
        assert f"allowed by {name} (" in reason
    if "max_drop" in limits:
        assert results[0].scheme == "int8"


def test_the_largest_drop_under_corruption_is_the_upper_end_of_the_worst_kind(
    of_nano: Report,
) -> None:
    (result,) = Limits(max_drop_corrupted=0).check(of_nano)
    ends = [one.drop_interval.high for scheme in of_nano.candidates for one in scheme.corruptions]
    assert result.value == max(ends)


def test_junit_has_a_case_for_the_measurement_and_one_for_each_gate(of_nano: Report) -> None:
    limits = Limits(max_size=1, max_drop=100)
    gated = dataclasses.replace(of_nano, gates=limits.check(of_nano))
    (suite,) = ET.fromstring(to_junit(gated))  # noqa: S314  # our own
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name") for case in suite] == ["measured", "--max-drop 100", "--max-size 1"]
    assert [len(case.findall("failure")) for case in suite] == [0, 0, 1]
    assert suite[0].findtext("system-out") == of_nano.verdict


@pytest.mark.parametrize("value", ["nan", "much"])
def test_a_gate_that_nothing_could_miss_is_wrong_usage(value: str, quick: Path, run: Run) -> None:
    ran = run("report", quick, "--max-drop", value)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert not report_names(quick)


def test_what_is_not_corrupted_cannot_be_gated(quick: Path, run: Run) -> None:
    ran = run("report", quick, "--max-drop-corrupted", "1", *CLEAN)
    assert ran.returncode == 2
    assert "--max-drop-corrupted needs corrupted pictures" in ran.stderr


@pytest.mark.parametrize("said", ["3,x", "", "0", "1,1", "6"])
def test_severities_that_there_are_not_are_wrong_usage(said: str, quick: Path, run: Run) -> None:
    ran = run("report", quick, "--severities", said)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1


def test_a_file_is_no_folder_of_schemes(nano: Path, run: Run) -> None:
    ran = run("report", nano / "int8.tflite")
    assert ran.returncode == 1
    assert "int8.tflite" in ran.stderr
    # What the message asks for must not be what was given.
    assert "or a .tflite file" not in ran.stderr


def test_a_report_that_cannot_be_written_fails_before_it_is_measured(
    quick: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "file").touch()
    for option in ("--out", "--junit"):
        ran = run("report", quick, option, tmp_path / "file" / "report" / "x")
        assert ran.returncode == 1
        assert ran.stdout == ""
        assert ran.stderr.startswith(f"mnist-edge: cannot write {tmp_path / 'file'}")


@pytest.fixture
def two(of_nano: Report) -> tuple[Report, Report]:
    """A report, and another without its last scheme and with an int8 that is worse."""
    first = rounded(of_nano)
    worse = first.schemes[3]
    assert worse.scheme == "int8"
    low, high = worse.accuracy_interval
    worse = dataclasses.replace(
        worse,
        accuracy=worse.accuracy - 0.25,
        accuracy_interval=Interval(low - 0.25, high - 0.25),
    )
    schemes = (*first.schemes[:3], worse)
    return first, dataclasses.replace(first, schemes=schemes, verdict="int8 is broken: B.")


def test_two_reports_are_set_side_by_side(
    two: tuple[Report, Report], tmp_path: Path, run: Run
) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, report in zip(paths, two, strict=True):
        path.write_text(json.dumps(report_to_dict(report)), encoding="utf-8")
    ran = run("report", "--compare", *paths)
    assert ran.returncode == 0
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(lines[:2]) == (
        "1 accuracy changed by more than chance explains: 0 for the better, 1 for the worse."
    )
    assert lines[2].startswith(f"A  {two[0].verdict[:40]}")
    assert "B  int8 is broken: B." in lines
    (changed,) = [line for line in lines if line.startswith("int8 accuracy")]
    assert changed.split()[-3] == "-25.00"
    assert changed.endswith("  *")
    (gone,) = [line for line in lines if line.startswith("int16x8 bytes")]
    assert gone.split()[-1] == "-"
    assert "not of the same pictures" not in ran.stdout
    found = {form: run("report", "--compare", *paths, "-f", form).stdout for form in FORMS}
    before, after = (100 * report.schemes[3].accuracy for report in two)
    document = json.loads(found["json"])
    assert document["verdicts"] == [report.verdict for report in two]
    assert [one["figure"] for one in document["changes"] if one["beyond"]] == ["accuracy, %"]
    for text in (found["html"], found["markdown"]):
        assert "changed by more than chance explains" in text
        told = f"int8, accuracy: {before:.2f} to {after:.2f} %, worse by 25.00 points"
        assert told in text.replace("&nbsp;", " ")
        assert all(report.verdict[:30] in text for report in two)


def test_a_report_is_printed_as_the_pages_that_are_written(own: Path, run: Run) -> None:
    for form, name in (("markdown", "report.md"), ("html", "report.html")):
        ran = run("report", own, *CLEAN, "--format", form)
        assert ran.returncode == 0
        assert ran.stdout == (own / name).read_text(encoding="utf-8")


def test_a_report_beside_itself_did_not_change(two: tuple[Report, Report]) -> None:
    found = diff_reports(two[0], two[0])
    assert found.summary == "No accuracy changed by more than chance explains."
    assert {change.change for change in found.changes} <= {0, None}
    assert found.same_pictures
    assert "No accuracy changed" in diff_to_html(found)


def test_reports_the_other_way_round_negate(two: tuple[Report, Report]) -> None:
    there, back = diff_reports(*two), diff_reports(*reversed(two))
    assert "0 for the better, 1 for the worse" in there.summary
    assert "1 for the better, 0 for the worse" in back.summary
    ways = {(one.scheme, one.figure): one for one in back.changes}
    for one in there.changes:
        other = ways[one.scheme, one.figure]
        assert (one.first, one.second) == (other.second, other.first)
        if one.interval and other.interval:
            assert one.interval == pytest.approx((-other.interval.high, -other.interval.low))


def test_reports_of_other_pictures_say_so(two: tuple[Report, Report]) -> None:
    first, second = two
    other = dataclasses.replace(second, data=dataclasses.replace(second.data, sha256={}))
    found = diff_reports(first, other)
    for text in (
        format_comparison(found),
        diff_to_html(found),
        diff_to_markdown(found),
    ):
        assert "not of the same pictures" in text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1, "schemes": []}', '{"schema_version": 2}']
)
def test_what_is_no_report_of_this_release_is_refused(text: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.json").write_text(text)
    ran = run("report", "--compare", tmp_path / "a.json", tmp_path / "a.json")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    with pytest.raises(InvalidValue, match="cannot read"):
        load_report(tmp_path / "none.json")
