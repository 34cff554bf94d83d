"""Reports over a user's own pictures: folders, labels.csv, and what cannot be read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.labeled_pictures import find_labeled_pictures
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable
from mnist_edge.evaluation.report.document import report_schema
from mnist_edge.evaluation.report.labeled_images import (
    LabeledImages,
    mnist_test_images,
    read_labeled_images,
)
from mnist_edge.modelstore import loading
from tests.support.programs import Run
from tests.support.unclear_pictures import card_on_a_table, padded_crop

NAMES = {"mnist-seven.png": 7, "clear-two.png": 2, "chalk-three.png": 3, "pen-four.png": 4}
"""The committed pictures with their digits."""


@pytest.fixture
def sorted_pictures(pictures: Path, test_digits: Digits, tmp_path: Path) -> Path:
    """A folder of labeled pictures, with an unreadable, a blank and a crowded one among them."""
    folder = tmp_path / "photos"
    for name, digit in NAMES.items():
        (folder / str(digit)).mkdir(parents=True)
        shutil.copy(pictures / name, folder / str(digit))
    (folder / "2" / "torn.png").write_bytes(b"no picture")
    (folder / "2" / "notes.txt").write_text("no picture, and none by its name")
    Image.new("L", (200, 200), 255).save(folder / "4" / "blank.png")
    pair = np.hstack([test_digits.images[0], test_digits.images[1]])
    Image.fromarray(255 - pair).resize((336, 168)).save(folder / "7" / "two-of-them.png")
    return folder


def read(data: Path) -> LabeledImages:
    models = [loading.load_model(scheme=scheme) for scheme in ("float32", "int8")]
    labeled = find_labeled_pictures(data)
    return read_labeled_images(data, labeled, models, on_progress=lambda count: None)


def test_a_labeled_folder_is_read_as_predict_reads_it(sorted_pictures: Path) -> None:
    found = read(sorted_pictures)
    assert found.name == "photos"
    assert found.paths == (
        "2/clear-two.png",
        "3/chalk-three.png",
        "4/blank.png",
        "4/pen-four.png",
        "7/mnist-seven.png",
        "7/two-of-them.png",
    )
    assert found.digits.labels.tolist() == [2, 3, 4, 4, 7, 7]
    classifier = Classifier()
    predictions = [classifier.predict(sorted_pictures / path) for path in found.paths]
    # Those without a single digit are known from pixels alone, before any model.
    alone = [one.abstained not in ("blank", "not-one-digit") for one in predictions]
    assert found.single_digit.tolist() == alone == [True, True, False, True, True, False]
    by_pixels = classifier.predict_pixels(found.digits.images)
    for one, other in zip(predictions, by_pixels, strict=True):
        assert one.probabilities == other.probabilities


def test_each_scheme_reads_an_unclear_picture_as_predict_does(tmp_path: Path) -> None:
    scenes = [
        card_on_a_table(0),
        padded_crop(0),
        padded_crop(1),
        np.full((90, 90, 3), 80, np.uint8),
    ]
    rows = [f"{number}.png,{number}" for number in range(len(scenes))]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    for number, scene in enumerate(scenes):
        Image.fromarray(scene).save(tmp_path / f"{number}.png")
    found = read(tmp_path)
    for scheme in ("int8", "float32"):
        classifier = Classifier(scheme=scheme)
        seen = found.as_read_by(scheme)
        by_pixels = classifier.predict_pixels(seen.digits.images)
        answers = [
            one.digit if is_digit else None
            for one, is_digit in zip(by_pixels, seen.single_digit, strict=True)
        ]
        assert answers == [one.digit for one in classifier.predict_many(scenes)]
        assert answers[0] is not None
        # The card's digit is found only by a reading after the first.
        assert (seen.digits.images[0] != found.digits.images[0]).any()
    assert [one.path for one in found.without_digit] == ["3.png"]
    # The data's hashes identify the pictures, whatever the schemes answer.
    assert found.sha256() != found.as_read_by("int8").sha256()


def test_unreadable_pictures_and_those_without_a_digit_are_listed(sorted_pictures: Path) -> None:
    found = read(sorted_pictures)
    (torn,) = found.unreadable
    assert torn.path == "2/torn.png"
    assert str(sorted_pictures) not in torn.reason
    assert [(one.path, one.reason) for one in found.without_digit] == [
        ("4/blank.png", "blank"),
        ("7/two-of-them.png", "not-one-digit"),
    ]


def test_labels_in_a_csv_keep_its_order(sorted_pictures: Path) -> None:
    lines = [
        "label,path,who",
        *(f'{d},"{d}/{name}",me' for name, d in NAMES.items()),
        "1,gone.png,",
    ]
    (sorted_pictures / "labels.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    of_folder = read(sorted_pictures)
    of_file = read(sorted_pictures / "labels.csv")
    assert of_folder.paths == of_file.paths == tuple(f"{d}/{name}" for name, d in NAMES.items())
    assert of_folder.digits.labels.tolist() == list(NAMES.values())
    assert [one.path for one in of_file.unreadable] == ["gone.png"]
    assert of_folder.sha256() == of_file.sha256()


def test_data_without_a_readable_digit_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "torn.png").write_bytes(b"")
    with pytest.raises(DataUnavailable, match=r"none of the 1 pictures .* 1/torn\.png is empty"):
        read(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\n1/torn.png,x\n")
    with pytest.raises(DataUnavailable, match=r"no picture of .* shows a digit"):
        read(tmp_path)


def test_boxes_are_read_as_pictures_and_those_without_a_digit_are_left_out(
    test_digits: Digits, tmp_path: Path
) -> None:
    pair = np.hstack(
        [np.pad(255 - image, 8, constant_values=255) for image in test_digits.images[:2]]
    )
    sheet = Image.fromarray(pair).resize((352, 176))
    sheet.save(tmp_path / "both.png")
    first, second = test_digits.labels[:2].tolist()
    page = Classifier().predict_all(sheet)
    assert page.text == f"{first}{second}"
    boxes = [",".join(map(str, one.box)) for one in page.digits]
    rows = [f"both.png,{label},{box}" for label, box in zip(page.text, boxes, strict=True)]
    rows += ["both.png,x,", "both.png,7,9000,0,9001,5"]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,left,top,right,bottom", *rows]))
    found = read(tmp_path)
    assert found.paths == tuple(f"both.png [{box}]" for box in boxes)
    predictions = Classifier().predict_pixels(found.as_read_by("int8").digits.images)
    assert [one.digit for one in predictions] == [first, second]
    assert [one.path for one in found.unreadable] == ["both.png [9000,0,9001,5]"]


@pytest.mark.slow
def test_the_command_reports_on_own_pictures(
    sorted_pictures: Path, own: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    ran = run("report", own, "--pictures", sorted_pictures, "--corrupted", "2", "--format", "json")
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    jsonschema.Draft202012Validator(report_schema()).validate(document)
    assert document["data"]["pictures"] == 6
    assert [one["path"] for one in document["data"]["unreadable"]] == ["2/torn.png"]
    assert set(document["data"]["sha256"]) == {"images", "labels"}
    int8 = document["schemes"][1]
    assert int8["total"] == 6
    assert int8["abstained"] >= 2
    # Where no scheme is confident, abstaining from pictures without a digit comes first.
    assert int8["coverage"][-1]["threshold"] > 0
    assert "6 pictures are too few" in document["verdict"]
    assert {one["path"] for one in int8["mistakes"]} <= {"4/blank.png", "7/two-of-them.png"}
    # The model's own report and its test score are of MNIST, and stay as they were.
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    assert (tmp_path / "runs" / "own-photos" / "report.json").is_file()
    said = run("report", own, "--pictures", sorted_pictures, "--corrupted", "0").stdout
    assert "1 unreadable, not counted:\n  2/torn.png: " in said
    assert "2 without a single digit, abstained from:\n  4/blank.png: blank\n" in said


def test_digits_of_mnist_saved_as_files_are_the_same_digits(
    test_digits: Digits, tmp_path: Path
) -> None:
    digits = test_digits.take(np.arange(30))
    rows = ["path,label"]
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    found = read(tmp_path)
    assert (found.digits.images == digits.images).all()
    assert found.sha256().popitem() == ("labels", mnist_test_images(digits).sha256()["t10k-labels"])
