"""The command ``report``: its files, its output, its gates, and the comparison of two reports."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mnist_edge.commands.report import resolve_data
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, MixedNetworks
from mnist_edge.evaluation.report.document import load_report, report_to_dict, rounded
from mnist_edge.evaluation.report.results import Report
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import Score
from mnist_edge.runtimes.selection import describe_runtime
from tests.support.paths import EDGE, SAMPLE
from tests.support.programs import Run
from tests.support.reports import measured, worsened

CLEAN = ("--corrupted", "0")


FORMS = ("json", "markdown", "html")


def report_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("report*"))


def test_the_report_is_written_and_the_manifests_get_test_scores(own: Path, run: Run) -> None:
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


def test_a_report_in_another_folder_leaves_the_model_folder_alone(
    quick: Path, tmp_path: Path, run: Run
) -> None:
    before = {path.name: path.read_bytes() for path in quick.iterdir()}
    ran = run("report", quick, "--out", tmp_path / "elsewhere", *CLEAN)
    assert ran.returncode == 0
    assert {"report.json", "report.md"} <= set(report_names(tmp_path / "elsewhere"))
    assert {path.name: path.read_bytes() for path in quick.iterdir()} == before


def test_a_shipped_models_report_goes_to_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    # A file in the way ends the command where the folder was chosen, before the measurement.
    monkeypatch.chdir(tmp_path)
    Path("runs").touch()
    ran = run("report", "nano")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("mnist-edge: cannot write runs/nano: Not a directory; ")


@pytest.mark.slow
def test_a_reference_and_some_schemes_can_be_selected(own: Path, run: Run, tmp_path: Path) -> None:
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


def test_a_folder_without_the_reference_names_the_command_that_makes_it(
    own: Path, run: Run
) -> None:
    (own / "float32.tflite").unlink()
    ran = run("report", own)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.endswith(f"mnist-edge convert KERAS_FILE --quantize float32 --out {own}\n")
    assert ran.stderr.count("\n") == 1


def test_schemes_of_different_networks_are_refused(own: Path, run: Run) -> None:
    for name in ("float32.tflite", "float32.json"):
        shutil.copy(EDGE / name, own)
    for words in ((), ("--scheme", "int8")):
        ran = run("report", own, *words, *CLEAN)
        assert ran.returncode == 1
        assert ran.stdout == ""
        assert ran.stderr.count("\n") == 1
        assert "float32.tflite from 'edge' (seed 1, weights ea25d239e260" in ran.stderr
        assert "int8.tflite from 'nano' (seed 2, weights e8d81cc60272" in ran.stderr
    assert report_names(own) == []
    with pytest.raises(MixedNetworks):
        measured(own, Digits(images=np.zeros((1, 28, 28), np.uint8), labels=np.zeros(1, np.uint8)))


@pytest.mark.slow
def test_a_keras_file_of_other_weights_is_a_warning(own: Path, run: Run) -> None:
    shutil.copy(EDGE / "model.keras", own)
    ran = run("report", own, *CLEAN)
    assert ran.returncode == 0
    assert f"warning: {own / 'model.keras'} holds other weights than" in ran.stderr


@pytest.mark.slow
def test_a_broken_int8_misses_the_gate(quick: Path, nano: Path, tiny: Path, run: Run) -> None:
    shutil.copy(nano / "float32.tflite", quick)
    shutil.copy(tiny / "zero.tflite", quick / "int8.tflite")
    junit = quick / "ci" / "junit.xml"
    ran = run("report", quick, "--max-drop", "1.5", *CLEAN, "--junit", junit)
    assert ran.returncode == 3
    # It answers 0, as 980 of the 10,000 are labelled.
    assert ran.stdout.startswith("int8 is broken: 9.80 % of 10,000 pictures against 99.")
    assert "it answers 0 to nearly everything" in " ".join(ran.stdout.split())
    warning, reason, wrote = ran.stderr.splitlines()
    # Neither has a manifest that would say so.
    assert warning.startswith(
        "warning: these files are of different networks, by their multiply-adds (float32.tflite 7"
    )
    assert reason.startswith("gate missed: int8 has 90.")
    assert "at most 1.5 allowed by --max-drop" in reason
    assert str(junit) in wrote
    (failure,) = ET.parse(junit).getroot().iter("failure")  # noqa: S314  # written a moment ago
    assert failure.get("message") == reason
    assert {"report.json", "report.md"} <= set(report_names(quick))


@pytest.mark.parametrize("value", ["nan", "much"])
def test_a_limit_that_is_not_a_number_is_a_usage_error(value: str, quick: Path, run: Run) -> None:
    ran = run("report", quick, "--max-drop", value)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert not report_names(quick)


def test_the_corruption_gate_needs_corrupted_pictures(quick: Path, run: Run) -> None:
    ran = run("report", quick, "--max-drop-corrupted", "1", *CLEAN)
    assert ran.returncode == 2
    assert "--max-drop-corrupted needs corrupted pictures" in ran.stderr


@pytest.mark.parametrize("said", ["3,x", "", "0", "1,1", "6"])
def test_unknown_severities_are_a_usage_error(said: str, quick: Path, run: Run) -> None:
    ran = run("report", quick, "--severity", said)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1


def test_a_tflite_file_is_not_a_folder_of_schemes(nano: Path, run: Run) -> None:
    ran = run("report", nano / "int8.tflite")
    assert ran.returncode == 1
    assert "int8.tflite" in ran.stderr
    # The message must not ask for what was given.
    assert "or a .tflite file" not in ran.stderr


def test_an_unwritable_output_fails_before_the_measurement(
    quick: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "file").touch()
    for option in ("--out", "--junit"):
        ran = run("report", quick, option, tmp_path / "file" / "report" / "x")
        assert ran.returncode == 1
        assert ran.stdout == ""
        assert ran.stderr.startswith(f"mnist-edge: cannot write {tmp_path / 'file'}")


@pytest.fixture
def two(nano_report: Report) -> tuple[Report, Report]:
    """A report, and a worse one."""
    return rounded(nano_report), worsened(nano_report)


def test_two_reports_are_compared(two: tuple[Report, Report], tmp_path: Path, run: Run) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, report in zip(paths, two, strict=True):
        path.write_text(json.dumps(report_to_dict(report)), encoding="utf-8")
    ran = run("report", "--compare", *paths)
    assert ran.returncode == 0
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    summary = " ".join(lines[:3])
    assert summary.startswith("int8: ")
    assert "(-25.00 points); 15,993 bytes in A, 15,993 in B. " in summary
    assert summary.endswith(
        "1 accuracy changed by more than chance explains: 0 for the better, 1 for the worse."
    )
    assert lines[3].startswith(f"A  {two[0].verdict[:40]}")
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


def test_markdown_and_html_are_printed_as_they_are_written(quick: Path, run: Run) -> None:
    for form, name in (("markdown", "report.md"), ("html", "report.html")):
        ran = run("report", quick, *CLEAN, "--format", form)
        assert ran.returncode == 0
        assert ran.stdout == (quick / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1, "schemes": []}', '{"schema_version": 2}']
)
def test_a_file_that_is_not_a_report_is_refused(text: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.json").write_text(text)
    ran = run("report", "--compare", tmp_path / "a.json", tmp_path / "a.json")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    with pytest.raises(InvalidValue, match="cannot read"):
        load_report(tmp_path / "none.json")


def test_the_deprecated_data_option_is_mnist_or_own_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist, own = tmp_path / "mnist", tmp_path / "own"
    for path in (mnist / "t10k-images-idx3-ubyte.gz", own / "7" / "a.png"):
        path.parent.mkdir(parents=True)
        path.touch()
    npz = Path("mnist.npz")
    for today in ((mnist, None, None), (npz, None, own), (None, None, None)):
        assert resolve_data(*today) == (today[0], today[2])
    assert capsys.readouterr().err == ""
    for before, found in (
        ((own, None, None), (None, own)),
        ((own, npz, None), (npz, own)),
        ((None, npz, None), (npz, None)),
        ((Path("mnist-test"), npz, None), (npz, None)),
    ):
        assert resolve_data(*before) == found
        assert "is deprecated" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are Linux's")
def test_a_report_of_pictures_whose_names_are_not_unicode(
    quick: Path, tmp_path: Path, run: Run
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "labeled" / "3").mkdir(parents=True)
    # A 7 among the 3s: what is misread stands on the pages by its name.
    shutil.copy(SAMPLE, tmp_path / "labeled" / "3" / name)
    words = ("--pictures", tmp_path / "labeled", "--corrupted", "0", "--out", tmp_path / "out")
    ran = run("report", quick, *words)
    assert ran.returncode == 0, ran.stderr
    assert f"3/{name}" in json.dumps(
        json.loads((tmp_path / "out" / "report.json").read_bytes()), ensure_ascii=False
    )
    for page in ("report.md", "report.html"):
        (tmp_path / "out" / page).read_text(encoding="utf-8")


def test_a_request_that_is_refused_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    for words in (
        ["--scheme", "int4", "--out", out],
        ["--data", tmp_path / "nowhere", "--out", out],
        ["--junit", tmp_path, "--out", out],
    ):
        ran = run("report", "nano", *words)
        assert ran.returncode in {1, 2}
        assert ran.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
