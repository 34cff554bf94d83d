"""Labeled pictures: folders and tables of labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mnist_edge.data.labeled_pictures import LabeledPicture, find_labeled_pictures
from mnist_edge.errors import DataUnavailable, UnreadablePicture


def test_subfolders_need_no_table(tmp_path: Path) -> None:
    for path in ("3/b.png", "3/a.JPG", "0/deep/c.png", "3/notes.txt", "12/d.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert find_labeled_pictures(tmp_path) == [
        LabeledPicture(path="0/deep/c.png", digit=0),
        LabeledPicture(path="3/a.JPG", digit=3),
        LabeledPicture(path="3/b.png", digit=3),
    ]


def test_a_table_names_pictures_without_a_digit_and_skips_unlabeled_ones(tmp_path: Path) -> None:
    rows = ["a.png,7,,,,", "b.png,X,,,,", "c.png,,,,,", "d.png,4,1,2,30,40"]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,label,left,top,right,bottom", *rows]))
    found = find_labeled_pictures(tmp_path)
    assert found == find_labeled_pictures(table)
    assert [(one.name, one.digit) for one in found] == [
        ("a.png", 7),
        ("b.png", None),
        ("d.png [1,2,30,40]", 4),
    ]


def test_a_box_is_opened_with_some_paper_around_it(tmp_path: Path) -> None:
    picture = Image.new("L", (100, 80), 255)
    picture.paste(0, (40, 20, 60, 40))
    picture.save(tmp_path / "a.png")
    opened = LabeledPicture(path="a.png", digit=1, box=(40, 20, 60, 40)).open(tmp_path)
    assert isinstance(opened, Image.Image)
    assert opened.size == (28, 28)
    assert opened.getpixel((0, 0)) == (255, 255, 255)
    assert opened.getpixel((14, 14)) == (0, 0, 0)
    with pytest.raises(UnreadablePicture, match="nothing in the box"):
        LabeledPicture(path="a.png", digit=1, box=(100, 0, 110, 9)).open(tmp_path)


def test_missing_or_empty_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="no data at"):
        find_labeled_pictures(tmp_path / "nowhere")
    with pytest.raises(DataUnavailable, match="no labelled picture"):
        find_labeled_pictures(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\na.png,\n")
    with pytest.raises(DataUnavailable, match="no labelled picture"):
        find_labeled_pictures(tmp_path)
