from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy import changed_digits, misread, models
from benchmarks.accuracy.outliers import area_under_roc, threshold_that_refuses
from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from tests.support.paths import ROOT

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=20)


def _run(script: str, *arguments: str | Path) -> str:
    """Run a script that cannot import TensorFlow or Keras, and return its output."""
    program = (
        "import runpy, sys; sys.modules.update(tensorflow=None, keras=None); "
        "sys.argv = sys.argv[1:]; "
        "runpy.run_module('benchmarks.accuracy.' + sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, script, *map(str, arguments)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_models_are_timed_in_turn() -> None:
    called: list[str] = []
    calls = [lambda name=name: called.append(name) for name in "ABC"]
    times = models.take_turns(calls, rounds=2, invocations=3)
    assert "".join(called) == 2 * "AAABBBCCC"
    assert times.shape == (2, 3)
    assert (times > 0).all()


@pytest.mark.slow
def test_the_table_of_models_fits_80_columns(nano: Path, tmp_path: Path) -> None:
    out = tmp_path / "models.json"
    # Any file stands for the convnet, so that nothing is to be converted.
    convnet = nano / "float32.tflite"
    words = ("--convnet", convnet, "--rounds", "3", "--invocations", "2", "--json", out)
    said = _run("models", nano, *words)
    lines = said.splitlines()
    assert all(len(line) <= 80 for line in lines[:-2])  # the last name the machine
    manifest = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    ours, theirs = json.loads(out.read_text(encoding="utf-8"))["models"]
    assert ours["bytes"] == manifest["size"]
    assert ours["accuracy"] == manifest["test"]["correct"] / 10_000
    assert not ours["accuracy_quoted"]
    assert theirs["accuracy_quoted"]
    assert theirs["ratio"] == 1
    assert "~99.1 % *" in lines[2]


def test_the_area_under_the_curve_counts_pairs_and_ties_for_half() -> None:
    # 0.9 and 0.8 are above both, 0.4 is below one and equal to the other: 4.5 pairs of 6.
    assert area_under_roc(np.array([0.9, 0.8, 0.4]), np.array([0.4, 0.5])) == pytest.approx(0.75)


@given(SCORES, SCORES)
def test_the_area_under_the_curve_is_that_of_all_pairs(
    ones: list[float], twos: list[float]
) -> None:
    pairs = [(one > two) + (one == two) / 2 for one in ones for two in twos]
    area = area_under_roc(np.array(ones), np.array(twos))
    assert area == pytest.approx(sum(pairs) / len(pairs))


@given(SCORES, st.floats(0, 1, exclude_max=True))
def test_a_threshold_refuses_no_more_than_it_may(scores: list[float], share: float) -> None:
    confidences = np.array(scores)
    threshold = threshold_that_refuses(share, confidences)
    assert (confidences < threshold).mean() <= share
    above = confidences[confidences > threshold]
    if len(above):  # the next threshold there is refuses more
        assert (confidences < above.min()).mean() > share


@pytest.mark.slow
def test_outliers_are_counted_by_kind_without_tensorflow(nano: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from mnist_edge.training.outliers.generator import HELD_OUT_KINDS, KINDS

    out = tmp_path / "nondigits.json"
    # The articles' models have one file each.
    article = ROOT / "models" / "softmax-l2"
    said = _run("outliers", nano, article, "--count", "2", "--json", out)
    assert all(len(line) <= 80 for line in said.splitlines()[:-2])
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [result["scheme"] for result in results] == ["float32", "int8", "int8"]
    for result in results:
        assert [row["kind"] for row in result["rows"]] == list(KINDS)
        held_out = [row for row in result["rows"] if row["held_out"]]
        assert {row["kind"] for row in held_out} == set(HELD_OUT_KINDS)
        assert result["held_out"]["worst_answered"] == max(row["answered"] for row in held_out)
        assert result["held_out"]["worst_auc"] == min(row["auc"] for row in held_out)
        # The threshold was chosen on these digits to refuse at most 1 %.
        assert 0 < result["digits_refused"] <= 0.01 + 1e-9


def test_habits_are_counted_by_model(nano: Path) -> None:
    from mnist_edge.training.habits import HABITS

    heading, *rows = _run("habits", nano, "--count", "20").splitlines()[: 1 + len(HABITS)]
    assert heading.split() == [f"{nano.name}:", "right,", "wrong"]
    assert [row[:12].strip() for row in rows] == list(HABITS)
    for row in rows:
        right, _, wrong, _ = row[12:].split()
        assert 0 <= float(right) <= 100 - float(wrong)


@pytest.mark.slow
def test_misread_digits_are_listed_by_confidence(nano: Path, tmp_path: Path) -> None:
    picture = tmp_path / "misread.png"
    title, _, *table = _run("misread", "--model", nano, "--out", picture, "--markdown").splitlines()
    manifest = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    wrong = 10_000 - manifest["test"]["correct"]
    assert f"{wrong} of 10,000" in title
    assert len(table) == 2 + wrong
    sure = [float(line.split("|")[4].split()[0]) for line in table[2:]]
    assert sure == sorted(sure, reverse=True)
    with Image.open(picture) as drawn:
        assert drawn.getpixel((0, 0)) == 255


def test_a_withheld_wrong_answer_counts_as_misread(nano: Path, test_digits: Digits) -> None:
    some = test_digits.take(np.arange(500))
    # With every label shifted by one, each correctly read digit counts as misread.
    moved = Digits(images=some.images, labels=((some.labels + 1) % 10).astype(np.uint8))
    found = misread.misread(Classifier(nano, min_confidence=1.0), moved)
    assert len(found) >= 490
    assert all(one.withheld == (one.confidence < 1) for one in found)
    assert sum(one.withheld for one in found) > 400
    assert all(one.label == moved.labels[one.index] for one in found)


def test_changed_digits_are_compared_digit_by_digit() -> None:
    none = np.zeros(1_000, bool)
    first, second = none.copy(), none.copy()
    first[:20] = True
    second[10:25] = True

    def row(misread: NDArray[np.bool_]) -> changed_digits.Row:
        return changed_digits.Row(model="any", plain=misread, changed=np.stack([misread] * 5))

    more, half = changed_digits.difference(row(first), row(second))
    # Ten digits are misread only by the first model and five only by the second, all five times.
    assert more == 5 * (10 - 5)
    assert half == pytest.approx(1.96 * 5 * 15**0.5, rel=0.01)
    assert changed_digits.difference(row(first), row(first)) == (0, 0.0)


def test_nudged_digits_stay_where_they_are_and_what_they_are(test_digits: Digits) -> None:
    some = test_digits.take(np.arange(500))
    nudged = changed_digits.nudged(some, np.random.RandomState(1))
    assert nudged.shape == some.images.shape
    assert nudged.dtype == np.uint8
    # Ink and its center do not change: nothing is cut off or added.
    ink, before = (images.sum((1, 2), dtype=float) for images in (nudged, some.images))
    assert np.abs(ink / before - 1).max() < 0.15
    for axis in (1, 2):
        moved = _middle(nudged, axis) - _middle(some.images, axis)
        assert np.abs(moved).max() < 1.2
        assert abs(moved.mean()) < 0.1
        assert moved.std() > 0.3


def _middle(images: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """Return the center of each picture's ink along an axis, ``(n,)``, in pixels."""
    ink = images.sum(3 - axis, dtype=float)
    return np.asarray(ink @ np.arange(28) / ink.sum(1))


@pytest.mark.slow
def test_changed_digits_are_read_without_tensorflow(nano: Path) -> None:
    printed = _run("changed_digits", nano, nano).splitlines()
    assert all(len(line) <= 80 for line in printed[:3])
    (plain, changed), again = ([int(cell) for cell in line.split()[1:3]] for line in printed[1:3])
    assert [plain, changed] == again
    # Changed five times over, digits are misread more than five times as often.
    assert 5 * plain < changed < 1_000
    assert printed[2].endswith("+0 (+0 to +0)")
    nudged = _run("changed_digits", nano, "--by", "nudged").splitlines()
    assert nudged[0].split("of ")[2].startswith("25,000 nudged")
    assert int(nudged[1].split()[2]) < changed
