"""What the documents say is what the program says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from mnist_edge import __version__
from mnist_edge.commands.group import COMMANDS
from mnist_edge.evaluation.report.document import load_report, report_schema, report_to_dict
from mnist_edge.evaluation.report.render.summary_svg import report_to_svg
from mnist_edge.evaluation.report.results import Report
from tests.support.paths import ROOT

SHIPPED = ("edge", "nano", "micro")

README = (ROOT / "README.md").read_text(encoding="utf-8")


def report_of(model: str) -> Report:
    """The report of a shipped model."""
    return load_report(ROOT / "models" / model / "report.json")


def test_the_generated_parts_of_the_pages_are_the_programs() -> None:
    outcome = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    "page", ["README.md", "docs/tutorials/may-int8-ship.md", "docs/explanation/what-int8-costs.md"]
)
def test_the_accuracy_table_of_a_page_is_the_shipped_models_report(page: str) -> None:
    report = (ROOT / "models" / "edge" / "report.md").read_text(encoding="utf-8")
    (table, *_) = re.findall(r"(?:^\|.*\n)+", report, re.MULTILINE)
    assert table in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("model", SHIPPED)
def test_the_first_table_of_the_readme_is_the_reports(model: str) -> None:
    first, *_ = re.findall(r"(?:^\|.*\n)+", README, re.MULTILINE)
    schemes = {scheme.scheme: scheme for scheme in report_of(model).schemes}
    int8 = schemes["int8"]
    low, high = int8.drop_interval
    cells = [
        f"[`{model}`](models/{model}/report.md)",
        f"{100 * schemes['float32'].accuracy:.2f} %",
        f"{100 * int8.accuracy:.2f} %",
        f"{int8.drop_points:+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "\u2212"),
        f"{int8.size:,}",
    ]
    assert f"| {' | '.join(cells)} |\n" in first


@pytest.mark.parametrize("page", ["README.md", "docs/tutorials/may-int8-ship.md"])
def test_the_verdict_of_a_page_is_the_reports(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert report_of("edge").verdict in " ".join(text.split())


@pytest.mark.parametrize("model", SHIPPED)
def test_the_picture_of_a_shipped_model_is_its_report(model: str) -> None:
    picture = (ROOT / "models" / model / "report.svg").read_text(encoding="utf-8")
    assert picture == report_to_svg(report_of(model))


@pytest.mark.parametrize("model", SHIPPED)
def test_the_report_of_a_shipped_model_meets_the_schema(model: str) -> None:
    document = json.loads((ROOT / "models" / model / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(report_schema()).validate(document)
    assert report_to_dict(report_of(model)) == document


@pytest.mark.slow
def test_the_steps_for_continuous_integration_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "how-to" / "gate-in-ci.md").read_text(encoding="utf-8")
    (steps,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"^ *(mnist-edge .*)$", steps, re.MULTILINE)
    shutil.copytree(ROOT / "models" / "nano", tmp_path / "runs" / "nano")
    monkeypatch.chdir(tmp_path)
    words = [sys.executable, "-m", "mnist_edge", *command.split()[1:]]
    passed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stderr
    kept = re.findall(r"^ {6}(\S+)$", steps, re.MULTILINE)
    assert len(kept) == 2
    assert all(list(tmp_path.glob(pattern)) for pattern in kept)
    (suite,) = ET.parse(tmp_path / "report.xml").getroot()  # noqa: S314  # written a moment ago
    assert [case.get("name") for case in suite] == [
        "measured",
        "--max-drop 0.3",
        "--max-size 20000",
    ]
    assert suite.get("failures") == "0"


def test_every_file_that_a_document_links_to_is_there() -> None:
    documents = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "models").glob("*.md"),
    ]
    assert len(documents) > 20
    for document in documents:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document}: {link}"


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_the_changelog_has_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_within_80_columns(command: str) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "mnist_edge", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"},
    )
    assert all(len(line) <= 80 for line in outcome.stdout.splitlines())


def test_the_examples_of_a_command_have_its_options() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    parts = re.split(r"^## mnist-edge ", reference, flags=re.MULTILINE)[1:]
    helps = {part.partition("\n")[0]: part for part in parts}
    assert set(COMMANDS) <= set(helps)
    examples = re.findall(r"^  .*?mnist-edge (.*)$", reference, re.MULTILINE)
    assert len(examples) > 2 * len(COMMANDS)
    for example in examples:
        command, *_ = (name for name in sorted(helps, reverse=True) if example.startswith(name))
        for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", example):
            assert re.search(rf"^  (?:-\w, )?{option}[ ,]", helps[command], re.MULTILINE), example


@pytest.mark.parametrize("name", ["requirements.lock", "device.lock"])
def test_a_lock_names_no_address_and_hashes_everything(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^(-i|--index|--extra-index|-f|--find-links)", lock, re.MULTILINE)
    entries = re.split(r"\n(?=[\w.-]+==)", lock.strip())
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)


@pytest.mark.parametrize("model", SHIPPED)
def test_the_shipped_report_is_of_the_shipped_files(model: str) -> None:
    folder = ROOT / "models" / model
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for scheme in report["schemes"]:
        manifest = json.loads((folder / f"{scheme['scheme']}.json").read_text(encoding="utf-8"))
        assert manifest["sha256"] == scheme["sha256"]
        assert manifest["test"]["correct"] == scheme["correct"]
