"""A user's labelled pictures, as a network learns them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.inference.training_pictures import (
    find_training_pictures,
    read_training_pictures,
)


@pytest.fixture
def kept(pictures: Path, tmp_path: Path) -> Path:
    """A folder of pictures in sub-folders: two digits, one of none, a blank and a torn one."""
    folder = tmp_path / "kept"
    for name, place in (
        ("clear-two.png", "2/page1-10.png"),
        ("pen-four.png", "4/page1-9.png"),
        ("chalk-three.png", "x/other-1.png"),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / name, folder / place)
    Image.new("L", (200, 200), 255).save(folder / "4" / "blank.png")
    (folder / "4" / "torn.png").write_bytes(b"no picture")
    return folder


def test_pictures_are_learned_as_predict_reads_them_and_the_others_listed(
    kept: Path, nano: Path
) -> None:
    found = find_training_pictures([kept])
    counted: list[int] = []
    read, unusable = read_training_pictures(
        nano / "int8.tflite", found, jobs=1, on_progress=counted.append
    )
    assert sum(counted) == 5
    assert [(Path(one.name).name, one.label) for one in read] == [
        ("page1-10.png", 2),
        ("page1-9.png", 4),
        ("other-1.png", None),
    ]
    classifier = Classifier(nano)
    for one in read:
        assert one.answer == classifier.predict(one.name).digit
        assert one.pixels.shape == (28, 28)
        assert one.taken == Path(one.name).stat().st_mtime
    reasons = {Path(one.name).name: one.reason for one in unusable}
    assert reasons["blank.png"] == "the front end finds nothing in it"
    assert "torn.png" in reasons


def test_a_page_is_one_series_whatever_its_digits(kept: Path, tmp_path: Path) -> None:
    of_folders = {Path(one.name).name: one.series for one in find_training_pictures([kept])}
    assert of_folders["page1-10.png"] == of_folders["page1-9.png"]
    assert of_folders["other-1.png"] != of_folders["page1-9.png"]
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.full((40, 80), 255, np.uint8)).save(other / "page.png")
    rows = ["page.png,1,0,0,40,40", "page.png,7,40,0,80,40"]
    (other / "labels.csv").write_text("\n".join(["path,label,left,top,right,bottom", *rows]))
    boxes = [one for one in find_training_pictures([kept, other]) if one.picture.box]
    assert len(boxes) == 2
    assert boxes[0].series == boxes[1].series
    assert boxes[0].sha256() != boxes[1].sha256()


def test_pictures_that_were_kept_one_after_the_other_are_one_series(tmp_path: Path) -> None:
    times = ("20261127T080000000Z", "20261127T080400500Z", "20261127T080859999Z")
    later = ("20261127T091500000Z", "20261127T235959900Z", "20261128T000001000Z")
    never = "20261340T000000000Z"
    names = [f"{time}-{index:016x}.png" for index, time in enumerate((*times, *later, never))]
    rows = [f"{name},7" for name in reversed(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    found = find_training_pictures([tmp_path])
    assert [one.path.name for one in found] == names
    series = [one.series for one in found]
    assert series[0] == series[1] == series[2]
    assert series[4] == series[5]
    assert len(set(series)) == 4


def test_names_are_in_natural_order(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    for number in (10, 9, 1):
        (tmp_path / "3" / f"{number}.png").touch()
    names = [Path(one.name).name for one in find_training_pictures([tmp_path])]
    assert names == ["1.png", "9.png", "10.png"]
