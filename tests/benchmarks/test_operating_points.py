from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import operating_points
from benchmarks.accuracy.operating_points import Answers
from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore.loading import load_all_schemes


def answers(*figures: tuple[float, bool], times: int = 1) -> Answers:
    """Confidences, and whether each answer is right."""
    confidences, right = zip(*figures, strict=True)
    return Answers(
        confidences=np.repeat(np.array(confidences, float), times),
        right=np.repeat(np.array(right), times),
        temperature=1.0,
    )


def test_what_is_withheld_is_neither_right_nor_wrong() -> None:
    some = answers((-1, False), (0.4, False), (0.6, True), (0.9, False))
    assert [some.withheld(minimum) for minimum in (0, 0.5, 0.6, 0.95)] == [0.25, 0.5, 0.5, 1]
    assert [some.wrong(minimum) for minimum in (0, 0.5, 0.95)] == [0.5, 0.25, 0]
    withheld, wrong = some.curve()
    assert withheld.tolist() == [0.25, 0.25, 0.5, 0.75]
    assert wrong.tolist() == [0.5, 0.5, 0.25, 0.25]


def test_careful_has_fewer_wrong_answers_to_either_set() -> None:
    sure = [(0.99, True)] * 5_000
    digits = answers(*sure, (0.5, False), (0.7, False), (0.7, True), *[(0.8, False)] * 5)
    easy = answers(*sure)
    points = operating_points.choose_points(digits, easy)
    # Five wrong of 5,000 are as many as balanced allows; careful allows one.
    assert points.balanced == 0.8
    assert points.careful == 0.99
    assert operating_points.choose_points(easy, easy).careful == 0
    hard = answers(*sure[:400], *[(0.6, False)] * 3)
    assert operating_points.choose_points(easy, hard).careful == 0.99


@pytest.mark.slow
def test_a_model_is_read_and_its_manifests_name_the_points(
    nano: Path, tmp_path: Path, test_digits: Digits
) -> None:
    digits = test_digits.take(np.arange(1_000))
    for name in ("int8", "float32"):
        for suffix in (".tflite", ".json"):
            shutil.copy(nano / f"{name}{suffix}", tmp_path)
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    pictures = list(operating_points.hard_pictures(1, conditions=("clean", "nothing")))
    assert {picture.condition for picture in pictures} == {"clean"}
    result = operating_points.measure(tmp_path, digits, pictures)
    assert all(len(line) <= 80 for line in operating_points.table(result).splitlines())
    operating_points.draw([result], tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as drawn:
        assert drawn.width > 500
    operating_points.write_points(tmp_path, result, digits)
    for model in load_all_schemes(tmp_path):
        assert model.manifest
        assert model.manifest.operating_points
        old = json.loads(before[f"{model.path.stem}.json"])
        new = json.loads(model.path.with_suffix(".json").read_text(encoding="utf-8"))
        assert new.pop("operating_points")
        old.pop("operating_points", None)
        assert new == {**old, "schema_version": new["schema_version"]}
        classifier = Classifier(tmp_path, scheme=model.path.stem, min_confidence="careful")
        assert classifier.min_confidence == model.manifest.operating_points.careful
    for name, content in before.items():
        if not name.endswith("8.json") and not name.endswith("32.json"):
            assert (tmp_path / name).read_bytes() == content
