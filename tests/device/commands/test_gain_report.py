"""``report --compare-with``: the page, the gates, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.commands.gain_report import format_gain
from mnist_edge.data import mnist
from mnist_edge.data.mnist import Digits
from mnist_edge.evaluation.report import gain
from tests.support.gains import gain_report
from tests.support.programs import Run


@pytest.fixture
def own_pictures(pictures: Path, tmp_path: Path) -> Path:
    """Two labelled pictures."""
    folder = tmp_path / "own"
    for name, label in (("clear-two.png", 2), ("pen-four.png", 4)):
        (folder / str(label)).mkdir(parents=True)
        shutil.copy(pictures / name, folder / str(label))
    return folder


def test_gain_and_loss_are_printed_written_and_gated(
    own_pictures: Path,
    test_digits: Digits,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = test_digits.take(np.arange(200))
    monkeypatch.setattr(mnist, "load_test_digits", lambda data: few)
    monkeypatch.setattr(gain, "_NO_DIGITS", 6)
    monkeypatch.setattr(gain, "_HARD_PER_KIND", 1)
    monkeypatch.chdir(tmp_path)
    compared = ("report", "nano", "--pictures", own_pictures, "--compare-with", "edge")
    ran = run(*compared, "--format", "json")
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["better"] is False
    written = tmp_path / "runs" / "nano"
    assert json.loads((written / "gain.json").read_text()) == document
    assert "MNIST test" in (written / "gain.html").read_text()
    assert (written / "gain.md").read_text().startswith("# What nano/int8 gained")
    gated = run(*compared, "--min-gain", "0", "--max-loss-mnist", "0.2")
    assert gated.returncode == 3
    assert gated.stdout.startswith("Not shown to be better, keep edge/int8")
    assert "--min-gain 0: missed" in gated.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nano", "--compare-with", "edge"], "add --pictures FOLDER"),
        (["report", "nano", "--pictures", "gone", "--compare-with", "edge"], "no data at gone"),
        (
            ["report", "nano", "--pictures", "own", "--compare-with", "nano"],
            "nano and nano are the same model",
        ),
        (
            ["report", "nano", "--pictures", "own", "--compare-with", "edge", "--min-gain", "nan"],
            "--min-gain is nan",
        ),
    ],
)
def test_models_that_cannot_be_compared_are_refused(
    arguments: list[str],
    said: str,
    own_pictures: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(own_pictures.parent)
    ran = run(*arguments)
    assert ran.returncode in (1, 2)
    assert ran.stdout == ""
    assert said in ran.stderr


def test_the_text_has_the_gains_what_changed_and_the_gates() -> None:
    text = format_gain(gain_report())
    assert text.startswith("Better on your pictures, take edge-taught/int8")
    assert "your pictures      40" in text
    assert "own/<7>|a.png" in text
    assert "not measured: no digit: matplotlib is not installed" in text
    assert "--max-loss-mnist 0.2: passed with +0.01 points" in text
