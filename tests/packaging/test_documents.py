"""What the documents say is what the program says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge import __version__
from mnist_edge.commands.app import COMMANDS

ROOT = Path(__file__).parents[2]
SHIPPED = ("edge", "nano")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_help_in_the_readme_is_the_programs() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "mnist_edge", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"},
    )
    said = "\n".join(line.rstrip() for line in outcome.stdout.strip().splitlines())
    assert said in README


def test_the_accuracy_table_in_the_readme_is_the_shipped_models_report() -> None:
    report = (ROOT / "models" / "edge" / "report.md").read_text(encoding="utf-8")
    (table, *_) = re.findall(r"(?:^\|.*\n)+", report, re.MULTILINE)
    assert table in README


def test_every_file_that_a_document_links_to_is_there() -> None:
    for document in (ROOT / "README.md", ROOT / "models" / "README.md", ROOT / "CHANGELOG.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_changelog_has_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


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


def test_the_lock_names_no_address_and_hashes_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
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
