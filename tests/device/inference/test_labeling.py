"""A session of labeling: what is left to do, what is guessed, and what is saved."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.label_table import Label, read_label_table
from mnist_edge.data.labeled_pictures import find_labeled_pictures
from mnist_edge.errors import (
    DataUnavailable,
    InvalidValue,
    MalformedData,
    PictureNotFound,
    UnreadablePicture,
)
from mnist_edge.inference.labeling import LabelCount, LabelingSession
from mnist_edge.inference.unsure_pictures import UnsurePictures
from tests.support.paths import ROOT, SAMPLE

open_classifier = partial(Classifier, "nano")
SEVEN, X = Label(text="7"), Label(text="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures, the last of several digits."""
    for name in ("a.png", "b.png", "c.png"):
        shutil.copy(SAMPLE, tmp_path / name)
    shutil.copy(ROOT / "docs/images/number.jpg", tmp_path / "d.jpg")
    return tmp_path


def start(folder: Path) -> LabelingSession:
    return LabelingSession(folder, open_classifier)


def test_each_label_is_saved_at_once_and_counted(folder: Path) -> None:
    session = start(folder)
    assert session.count() == LabelCount(total=4, labeled=0)
    assert session.next_open() == 0
    assert session.set_labels(0, [SEVEN]) == ()
    assert (folder / "labels.csv").read_text() == "path,label\na.png,7\n"
    assert session.set_labels(1, [X]) == ()
    assert session.next_open(1) == 2
    # Whoever starts again goes on where it ended.
    assert start(folder).next_open() == 2
    assert start(folder).count() == LabelCount(total=4, labeled=2)
    # Undo puts back what there was.
    assert session.set_labels(1, []) == (X,)
    assert session.set_labels(0, [X]) == (SEVEN,)
    assert (folder / "labels.csv").read_text() == "path,label\na.png,x\n"
    assert session.next_open(3) == 1


def test_several_digits_are_done_when_each_box_has_a_label(folder: Path) -> None:
    session = start(folder)
    page = session.picture(3)
    boxes = [guess.box for guess in page.guesses]
    assert len(boxes) > 1
    assert None not in boxes
    half = [Label(text="3" if at else "", box=box) for at, box in enumerate(boxes)]
    session.set_labels(3, half)
    assert session.count().labeled == 0
    assert len(find_labeled_pictures(folder)) == len(boxes) - 1
    again = start(folder).picture(3)
    assert again.labels == tuple(half)
    assert [guess.box for guess in again.guesses] == boxes
    session.set_labels(3, [Label(text="3", box=box) for box in boxes])
    assert session.count().labeled == 1
    # It may be taken for one digit all the same.
    (whole,) = session.picture(3, several=False).guesses
    assert whole.box is None


def test_a_kept_picture_says_where_it_came_from(tmp_path: Path) -> None:
    classifier = open_classifier()
    content = (ROOT / "docs/images/number.jpg").read_bytes()
    outcome = classifier.predict(content)
    kept = UnsurePictures(tmp_path, warn=print).keep(content, outcome, classifier, name="form")
    assert kept is not None
    record = start(tmp_path).picture(0).record
    assert record is not None
    assert (record.path, record.model, record.reasons) == ("form", "nano/int8", ("not-one-digit",))
    for text in ("[]", "7", "{", "[" * 10_000, '{"path": 1, "model": 2}'):
        kept.with_suffix(".json").write_text(text)
        assert start(tmp_path).picture(0).record is None


def test_links_hidden_and_unprintable_names_are_left_out(folder: Path) -> None:
    (folder / "link.png").symlink_to(SAMPLE)
    (folder / "link").symlink_to(SAMPLE.parent)
    shutil.copy(SAMPLE, folder / ".hidden.png")
    shutil.copy(SAMPLE, folder / os.fsdecode(b"\xff.png"))
    shutil.copy(SAMPLE, folder / "new\nline.png")
    assert start(folder).count().total == 4


def test_a_picture_that_made_room_is_not_asked_for(folder: Path) -> None:
    session = start(folder)
    (folder / "a.png").unlink()
    assert session.next_open() == 0
    assert "no picture" in (session.picture(0).problem or "")
    assert session.next_open() == 1
    (folder / "b.png").unlink()
    session.refresh()
    assert session.next_open() == 2
    assert session.count() == LabelCount(total=4, labeled=2)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "a.json")
    os.mkfifo(folder / "pipe.png")
    session = start(folder)
    assert session.count() == LabelCount(total=4, labeled=0)
    assert session.picture(0).record is None
    session.set_labels(0, [SEVEN])
    assert start(folder).count().labeled == 1
    (folder / "labels.csv").unlink()
    os.mkfifo(folder / "labels.csv")
    with pytest.raises(MalformedData, match=r"labels\.csv is no file"):
        start(folder)


def test_sorted_pictures_need_no_label_and_keep_theirs(folder: Path) -> None:
    for name in ("7", "x"):
        (folder / name).mkdir()
    shutil.move(folder / "a.png", folder / "7" / "a.png")
    shutil.move(folder / "c.png", folder / "x" / "c.png")
    session = start(folder)
    assert session.count() == LabelCount(total=4, labeled=2)
    number = session.next_open()
    assert number is not None
    session.set_labels(number, [X])
    assert [(one.path, one.digit) for one in find_labeled_pictures(folder)] == [
        ("7/a.png", 7),
        ("x/c.png", None),
        ("b.png", None),
    ]


def test_labels_that_others_write_meanwhile_are_kept(folder: Path) -> None:
    one, two = start(folder), start(folder)
    one.set_labels(0, [SEVEN])
    two.set_labels(1, [X])
    shutil.copy(SAMPLE, folder / "later.png")
    one.refresh()
    assert one.count() == LabelCount(total=5, labeled=2)
    table = folder / "labels.csv"
    table.write_text(table.read_text() + "c.png,banana\n")
    with pytest.raises(MalformedData, match="banana"):
        one.set_labels(2, [SEVEN])
    assert "banana" in table.read_text()


def test_many_threads_lose_no_label(tmp_path: Path) -> None:
    for number in range(30):
        Image.new("L", (9, 9)).save(tmp_path / f"{number:02}.png")
    sessions = [start(tmp_path), start(tmp_path)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: sessions[at % 2].set_labels(at, [SEVEN]), range(30)))
    assert len(read_label_table(tmp_path / "labels.csv")) == 30


def test_missing_pictures_and_invalid_labels_are_refused(folder: Path) -> None:
    session = start(folder)
    for number in (-1, 4):
        with pytest.raises(PictureNotFound):
            session.set_labels(number, [SEVEN])
    box = (0, 0, 5, 5)
    for labels in (
        [Label(text="12")],
        [SEVEN, SEVEN],
        [SEVEN, Label(text="1", box=box)],
        [Label(text="1", box=box), Label(text="2", box=box)],
    ):
        with pytest.raises(InvalidValue, match="label"):
            session.set_labels(0, labels)
    assert not (folder / "labels.csv").exists()
    (folder / "b.png").write_bytes(b"torn")
    assert "not an image" in (session.picture(1).problem or "")
    with pytest.raises(UnreadablePicture):
        session.image(1)
    with pytest.raises(DataUnavailable, match="no folder"):
        start(folder / "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(DataUnavailable, match="no picture"):
        start(folder / "empty")
