from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from mnist_edge import __version__, modelstore, report
from mnist_edge.comparison import Comparison
from mnist_edge.dataset import Digits
from mnist_edge.errors import ModelNotFound
from mnist_edge.evaluation import softmax
from mnist_edge.idx import SHA256
from mnist_edge.interpreter import Interpreter
from mnist_edge.manifest import Score
from mnist_edge.metrics import calibration_error
from mnist_edge.report import Report, SchemeResult
from mnist_edge.runtimes import runtime


@pytest.fixture
def own(nano: Path, tmp_path: Path) -> Path:
    """A folder with copies of the shipped float32 and int8, which have no test score yet."""
    folder = tmp_path / "own"
    folder.mkdir()
    for scheme in ("float32", "int8"):
        shutil.copy(nano / f"{scheme}.tflite", folder)
        document = json.loads((nano / f"{scheme}.json").read_text(encoding="utf-8"))
        document["test"] = None
        (folder / f"{scheme}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def broken(nano: Path, tiny: Path, tmp_path: Path) -> Path:
    """The shipped float32 beside an int8 that answers 0 whatever it is given."""
    folder = tmp_path / "broken"
    folder.mkdir()
    shutil.copy(nano / "float32.tflite", folder)
    shutil.copy(tiny / "zero.tflite", folder / "int8.tflite")
    return folder


@pytest.fixture
def quick(tiny: Path, tmp_path: Path) -> Path:
    """A folder of tiny models, in which every scheme answers alike or 0."""
    folder = tmp_path / "quick"
    folder.mkdir()
    shutil.copy(tiny / "quadrants-float32.tflite", folder / "float32.tflite")
    shutil.copy(tiny / "quadrants-int8.tflite", folder / "int8.tflite")
    return folder


def a_result(scheme: str, *, correct: int, lost: int = 0, gained: int = 0) -> SchemeResult:
    """A scheme over 10,000 digits that loses some of the reference's and gains others."""
    both = correct - gained
    return SchemeResult(
        scheme=scheme,
        sha256=scheme * 8,
        size=46_584 // (1 + (scheme != "float32")),
        score=Score(correct=correct, total=10_000, runtime="tflite-runtime 2.14.0"),
        comparison=Comparison(
            both_right=both,
            only_reference=lost,
            only_candidate=gained,
            both_wrong=10_000 - both - lost - gained,
            agreement=1 - (lost + gained) / 10_000,
        ),
        calibration_error=0.0021,
        microseconds=86.6,
    )


REFERENCE = a_result("float32", correct=9_935)


def a_report(*others: SchemeResult) -> Report:
    return Report(
        model="nano",
        digits=10_000,
        runtime="tflite-runtime 2.14.0",
        machine="Linux aarch64, 4 cores, Python 3.11.2",
        results=(REFERENCE, *others),
    )


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (
            [a_result("int8", correct=9_930, lost=7, gained=2)],
            "int8 costs 0.05 points: 99.30 % of 10,000 digits against 99.35 % in float32.",
        ),
        (
            [a_result("int8", correct=9_937, lost=1, gained=3)],
            "int8 gains 0.02 points: 99.37 % of 10,000 digits against 99.35 % in float32.",
        ),
        (
            [a_result("int8", correct=9_935, lost=2, gained=2)],
            "int8 costs nothing: 99.35 % of 10,000 digits against 99.35 % in float32.",
        ),
        # Without an int8, the worst of the others is what a reader must know.
        (
            [
                a_result("float16", correct=9_934, lost=1),
                a_result("dynamic", correct=9_920, lost=15),
            ],
            "dynamic costs 0.15 points: 99.20 % of 10,000 digits against 99.35 % in float32.",
        ),
        ([], "float32 alone was measured; there is nothing to compare."),
    ],
)
def test_the_verdict_says_what_the_integers_cost(others: list[SchemeResult], said: str) -> None:
    assert report.verdict(a_report(*others)) == f"nano: {said}"


def test_the_worst_drop_is_that_of_the_worst_scheme() -> None:
    int8, dynamic = (
        a_result("int8", correct=9_934, lost=1),
        a_result("dynamic", correct=9_905, lost=30),
    )
    assert a_report(int8, dynamic).worst_drop() == 0.3
    assert a_report(a_result("int8", correct=9_936, gained=1)).worst_drop() == 0
    assert a_report().worst_drop() == 0


def test_the_markdown_holds_the_verdict_the_table_and_how_it_was_measured() -> None:
    page = report.to_markdown(a_report(a_result("int8", correct=9_930, lost=7, gained=2)))
    assert page.splitlines() == [
        "# Accuracy drop of `nano`",
        "",
        "nano: int8 costs 0.05 points: 99.30 % of 10,000 digits against 99.35 % in float32.",
        "",
        "| scheme | accuracy | drop | agreement | bytes | us/digit |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| float32 | 99.35 % | reference | 100.00 % | 46,584 | 87 |",
        "| int8 | 99.30 % | +0.05 points | 99.91 % | 23,292 | 87 |",
        "",
        "MNIST test split, 10,000 digits, every scheme over the same digits in the same order. "
        "Drop: accuracy lost against float32, in percentage points; agreement: share of digits "
        "with the same answer, right or wrong. tflite-runtime 2.14.0, one thread, on Linux "
        "aarch64, 4 cores, Python 3.11.2.",
        "",
        "Expected calibration error, the mean distance of confidence from accuracy (15 bins, at "
        "the temperature of each manifest): float32 0.21 %, int8 0.21 %.",
    ]


def test_the_json_holds_every_figure_and_sets_the_times_apart() -> None:
    document = report.to_document(a_report(a_result("int8", correct=9_930, lost=7, gained=2)))
    assert json.loads(json.dumps(document)) == document
    times = document.pop("times")
    assert times == {
        "machine": "Linux aarch64, 4 cores, Python 3.11.2",
        "microseconds_per_digit": {"float32": 86.6, "int8": 86.6},
    }
    float32, int8 = document.pop("schemes")
    assert document == {
        "schema_version": 1,
        "mnist_edge": __version__,
        "model": "nano",
        "reference": "float32",
        "data": {
            "split": "MNIST test",
            "digits": 10_000,
            "sha256": {key: SHA256[key] for key in ("t10k-images", "t10k-labels")},
        },
        "runtime": "tflite-runtime 2.14.0",
        "calibration_bins": 15,
    }
    assert float32["drop_points"] == 0
    assert float32["agreement"] == 1
    assert int8 == {
        "scheme": "int8",
        "sha256": "int8" * 8,
        "size": 23_292,
        "correct": 9_930,
        "accuracy": 0.993,
        "drop_points": 0.05,
        "agreement": 0.9991,
        "both_right": 9_928,
        "only_reference": 7,
        "only_candidate": 2,
        "both_wrong": 63,
        "calibration_error": 0.0021,
    }


def measured(folder: Path, digits: Digits) -> Report:
    return report.measure(modelstore.load_all(folder), digits, on_progress=lambda count: None)


def test_what_is_measured_is_what_the_models_answer(own: Path, test_digits: Digits) -> None:
    # Not a whole number of the chunks that it is measured in.
    digits = test_digits.take(np.arange(1_050))
    steps: list[int] = []
    found = report.measure(modelstore.load_all(own), digits, on_progress=steps.append)
    assert sum(steps) == 2 * len(digits)
    assert (found.model, found.digits, found.runtime) == ("own", 1_050, runtime())
    assert [result.scheme for result in found.results] == ["float32", "int8"]
    answers = {}
    for result in found.results:
        content = (own / f"{result.scheme}.tflite").read_bytes()
        answers[result.scheme] = Interpreter(content).logits(digits.images).argmax(axis=1)
        right = int((answers[result.scheme] == digits.labels).sum())
        assert result.score == Score(correct=right, total=1_050, runtime=runtime())
        assert result.size == len(content)
        assert result.comparison.total == 1_050
        assert result.microseconds > 0
    alike = answers["float32"] == answers["int8"]
    assert found.results[1].comparison.agreement == alike.mean()
    assert found.results[0].comparison.agreement == 1


def test_confidence_is_measured_at_the_temperature_of_the_manifest(
    own: Path, test_digits: Digits
) -> None:
    digits = test_digits.take(np.arange(1_000))
    path = own / "int8.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "temperature": 8.0}), encoding="utf-8")
    (own / "float32.json").unlink()
    float32, int8 = measured(own, digits).results
    for result, temperature in ((float32, 1.0), (int8, 8.0)):
        logits = Interpreter((own / f"{result.scheme}.tflite").read_bytes()).logits(digits.images)
        probabilities = softmax(logits, temperature=temperature)
        assert result.calibration_error == calibration_error(probabilities, digits.labels)
    assert int8.calibration_error > 10 * float32.calibration_error


def test_the_reference_comes_first_wherever_it_stood(own: Path, test_digits: Digits) -> None:
    models = modelstore.load_all(own)[::-1]
    digits = test_digits.take(np.arange(10))
    found = report.measure(models, digits, on_progress=lambda count: None)
    assert [result.scheme for result in found.results] == ["float32", "int8"]


def test_two_runs_differ_in_nothing_but_the_times(quick: Path, test_digits: Digits) -> None:
    digits = test_digits.take(np.arange(500))
    first, second = (report.to_document(measured(quick, digits)) for _ in range(2))
    assert first.pop("times")["microseconds_per_digit"].keys() == {"float32", "int8"}
    assert second.pop("times")["microseconds_per_digit"].keys() == {"float32", "int8"}
    assert first == second


def test_both_files_are_saved(quick: Path, test_digits: Digits, tmp_path: Path) -> None:
    found = measured(quick, test_digits.take(np.arange(100)))
    report.save(found, tmp_path / "there")
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"report.json", "report.md"}
    text = (tmp_path / "there" / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == report.to_document(found)
    page = (tmp_path / "there" / "report.md").read_text(encoding="utf-8")
    assert page == report.to_markdown(found)


def test_a_folder_without_the_reference_says_how_to_make_it(
    own: Path, test_digits: Digits, run: Callable[..., CompletedProcess[str]]
) -> None:
    (own / "float32.tflite").unlink()
    with pytest.raises(ModelNotFound, match=r"has no float32\.tflite to compare with"):
        measured(own, test_digits)
    ran = run("report", own)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.endswith(f"mnist-edge convert {own} --quantize float32\n")
    assert ran.stderr.count("\n") == 1


def test_the_command_writes_the_report_and_the_manifests_test_scores(
    own: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    ran = run("report", own, "--format", "json", "--max-drop", "5")
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert document == json.loads((own / "report.json").read_text(encoding="utf-8"))
    assert report_names(own) == ["report.json", "report.md"]
    assert "report.json" in ran.stderr
    for scheme in document["schemes"]:
        stored = modelstore.load(own, scheme=scheme["scheme"])
        assert stored.manifest is not None
        assert stored.manifest.test == Score(
            correct=scheme["correct"], total=10_000, runtime=runtime()
        )
        counts = ("both_right", "only_reference", "only_candidate", "both_wrong")
        assert sum(scheme[name] for name in counts) == 10_000
        lost = document["schemes"][0]["correct"] - scheme["correct"]
        assert scheme["drop_points"] == pytest.approx(lost / 100, abs=1e-9)


def report_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("report*"))


def test_the_command_leaves_the_model_alone_when_it_writes_elsewhere(
    quick: Path, tmp_path: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    before = {path.name: path.read_bytes() for path in quick.iterdir()}
    ran = run("report", quick, "--out", tmp_path / "elsewhere")
    assert ran.returncode == 0
    assert report_names(tmp_path / "elsewhere") == ["report.json", "report.md"]
    assert {path.name: path.read_bytes() for path in quick.iterdir()} == before
    header, *rows = ran.stdout.splitlines()[2:]
    assert header.split() == list(report.HEADER)
    assert [row.split()[0] for row in rows] == ["float32", "int8"]


def test_a_shipped_models_report_goes_to_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    # Data that is not there ends it once the folder was chosen, long before it is measured.
    monkeypatch.chdir(tmp_path)
    ran = run("report", "nano", "--data", tmp_path / "none")
    assert ran.returncode == 1
    assert (tmp_path / "runs" / "nano").is_dir()


def test_a_broken_int8_misses_the_gate(
    broken: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    ran = run("report", broken, "--max-drop", "1.5")
    assert ran.returncode == 3
    # It answers 0, as 980 of the 10,000 are labelled.
    assert "broken: int8 costs 89." in ran.stdout
    *_, reason = ran.stderr.splitlines()
    assert reason.startswith("gate missed: a drop of 89.")
    assert reason.endswith((" points, 1.5 allowed", " points, 1.50 allowed"))
    assert report_names(broken) == ["report.json", "report.md"]
    document = json.loads((broken / "report.json").read_text(encoding="utf-8"))
    assert document["schemes"][1]["correct"] == 980


def test_the_gate_is_missed_by_more_than_it_allows_and_not_by_as_much(
    quick: Path, tiny: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    # The finer model stands for the reference, and reads one digit of 10,000 more.
    shutil.copy(quick / "float32.tflite", quick / "int8.tflite")
    shutil.copy(tiny / "quadrants-int16.tflite", quick / "float32.tflite")
    met = run("report", quick, "--max-drop", "0.01", "--format", "json")
    assert met.returncode == 0
    assert json.loads(met.stdout)["schemes"][1]["drop_points"] == 0.01
    missed = run("report", quick, "--max-drop", "0.005")
    assert missed.returncode == 3
    reason = missed.stderr.splitlines()[-1]
    assert reason == "gate missed: a drop of 0.01 points, 0.005 allowed"


@pytest.mark.parametrize("value", ["nan", "much"])
def test_a_gate_that_nothing_could_miss_is_wrong_usage(
    value: str, quick: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    ran = run("report", quick, "--max-drop", value)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert not report_names(quick)


def test_a_file_is_no_folder_of_schemes(
    nano: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    ran = run("report", nano / "int8.tflite")
    assert ran.returncode == 1
    assert "int8.tflite" in ran.stderr
    # What the message asks for must not be what was given.
    assert "or a .tflite file" not in ran.stderr


def test_a_report_that_cannot_be_written_fails_before_it_is_measured(
    quick: Path, tmp_path: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    (tmp_path / "file").touch()
    ran = run("report", quick, "--out", tmp_path / "file" / "report")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"mnist-edge: cannot write {tmp_path / 'file'}")


def test_a_model_without_a_manifest_gets_none(quick: Path, test_digits: Digits) -> None:
    found = measured(quick, test_digits.take(np.arange(10)))
    assert report.with_test_score(modelstore.load(quick), found.results[1]) is None


def test_a_test_score_changes_nothing_else_in_a_manifest(own: Path) -> None:
    stored = modelstore.load(own)
    assert stored.manifest is not None
    result = a_result("int8", correct=9_930, lost=5)
    text = report.with_test_score(stored, result)
    assert text == replace(stored.manifest, test=result.score).to_json()
