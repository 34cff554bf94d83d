"""What a model gained over another: only on what it has not learned, with its interval."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable, InvalidValue
from mnist_edge.evaluation.report import gain
from mnist_edge.evaluation.report.gain import GainLimits, GainReport, SetGain, measure_gain
from mnist_edge.inference.training_pictures import find_training_pictures
from mnist_edge.metrics.intervals import Interval
from tests.support.gains import gain_report


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain, "_NO_DIGITS", 12)
    monkeypatch.setattr(gain, "_HARD_PER_KIND", 1)


@pytest.fixture
def own_pictures(pictures: Path, tmp_path: Path) -> Path:
    """Four labelled pictures, one of them torn."""
    folder = tmp_path / "own"
    for name, label in (("clear-two.png", 2), ("pen-four.png", 4), ("chalk-three.png", 3)):
        (folder / str(label)).mkdir(parents=True)
        shutil.copy(pictures / name, folder / str(label))
    (folder / "2" / "torn.png").write_bytes(b"no picture")
    return folder


def measure(folder: Path, digits: Digits, *, learned: frozenset[str] = frozenset()) -> GainReport:
    found = find_training_pictures([folder])
    return measure_gain(
        Classifier("nano"),
        Classifier("edge"),
        found,
        digits.take(np.arange(200)),
        learned=learned,
        limits=GainLimits(min_gain=0, max_loss_mnist=0.2),
        on_progress=lambda count: None,
    )


def test_both_models_read_the_same_pictures(own_pictures: Path, test_digits: Digits) -> None:
    report = measure(own_pictures, test_digits)
    assert [(one.name, one.pictures) for one in report.sets] == [
        ("your pictures", 3),
        ("MNIST test", 200),
        ("no digit", 12),
        ("hard pictures", 15),
    ]
    own = report.of("your pictures")
    nano = Classifier("nano")
    right = [
        nano.predict(own_pictures / name).digit == label
        for name, label in (("2/clear-two.png", 2), ("4/pen-four.png", 4), ("3/chalk-three.png", 3))
    ]
    assert own.before == pytest.approx(np.mean(right))
    assert own.gain_points == pytest.approx(100 * (own.after - own.before))
    assert own.gain_interval.low <= own.gain_points <= own.gain_interval.high
    (torn,) = report.unreadable
    assert "torn.png" in torn.path
    # Three pictures prove nothing.
    assert not report.is_better
    assert report.verdict.startswith("Not shown to be better, keep nano/int8")
    assert {gate.name: gate.passed for gate in report.gates}["--min-gain"] is False


def test_pictures_that_were_learned_are_not_measured(
    own_pictures: Path, test_digits: Digits
) -> None:
    found = find_training_pictures([own_pictures])
    learned = frozenset(one.sha256() for one in found[:1])
    assert measure(own_pictures, test_digits, learned=learned).learned == 1
    everything = frozenset(one.sha256() for one in found)
    with pytest.raises(DataUnavailable, match="4 were learned"):
        measure(own_pictures, test_digits, learned=everything)


def test_the_learned_files_are_those_of_the_record(tmp_path: Path) -> None:
    assert not gain.learned_files(tmp_path)
    record = tmp_path / "training.json"
    for damaged in ("", "[]", '{"learned_sha256": 3}'):
        record.write_text(damaged)
        assert not gain.learned_files(tmp_path)
    record.write_text(json.dumps({"learned_sha256": ["ab"]}))
    assert gain.learned_files(tmp_path) == {"ab"}


def test_the_verdict_recommends_a_model_only_if_its_interval_excludes_no_gain() -> None:
    report = gain_report()
    assert report.is_better
    assert report.verdict.startswith("Better on your pictures, take edge-taught/int8")
    own, *others = report.sets
    doubtful = replace(own, gain_interval=Interval(-1.0, 9.0))
    assert not replace(report, sets=(doubtful, *others)).is_better


def test_a_loss_beyond_chance_is_in_the_verdict() -> None:
    report = gain_report()
    assert "Lost" not in report.verdict
    *others, last = report.sets
    lost = replace(last, gain_points=-2.33, gain_interval=Interval(-3.88, -1.39))
    verdict = replace(report, sets=(*others, lost)).verdict
    assert verdict.endswith(f"Lost, more than by chance: {last.name} -2.3 points.")


@pytest.mark.parametrize(("loss", "passed"), [(0.2, True), (0.21, False)])
def test_the_loss_on_mnist_is_limited_as_measured(loss: float, passed: bool) -> None:
    own, mnist, *others = gain_report().sets
    sets: list[SetGain] = [own, replace(mnist, gain_points=-loss), *others]
    (gate,) = GainLimits(max_loss_mnist=0.2).check(sets)
    assert gate.passed is passed
    report = replace(gain_report(), sets=tuple(sets), gates=(gate,))
    assert ("--max-loss-mnist was missed" in report.verdict) is not passed


def test_a_limit_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(InvalidValue, match="--min-gain is nan"):
        GainLimits(min_gain=float("nan"))
