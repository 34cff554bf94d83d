from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mnist_edge.inference.folder_watcher import PATIENCE, FolderWatcher
from tests.support.paths import SAMPLE


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_a_picture_renamed_before_it_is_read_has_one_line_under_its_new_name(inbox: Path) -> None:
    watcher = FolderWatcher(inbox)
    shutil.copy(SAMPLE, inbox / "old.png")
    assert watcher.scan(set()) == []
    (inbox / "old.png").rename(inbox / "new.png")
    assert watcher.scan(set()) == []
    (arrival,) = watcher.scan(set())
    assert Path(arrival.path).name == "new.png"
    assert arrival.is_unchanged()
    (inbox / "new.png").rename(inbox / "newest.png")
    assert not arrival.is_unchanged()


def test_a_picture_written_over_while_it_waits_is_waited_for_again(inbox: Path) -> None:
    watcher = FolderWatcher(inbox)
    picture = inbox / "a.png"
    shutil.copyfile(SAMPLE, picture)
    watcher.scan(set())
    (arrival,) = watcher.scan(set())
    picture.write_bytes(picture.read_bytes() + b"more")
    assert not arrival.is_unchanged()
    assert watcher.scan(set()) == []
    assert len(watcher.scan(set())) == 1
    assert watcher.scan({str(picture)}) == []


def test_an_unreadable_picture_is_given_up_after_some_scans_whatever_its_own_time(
    inbox: Path,
) -> None:
    watcher = FolderWatcher(inbox)
    (inbox / "new.png").write_bytes(b"bad")
    (inbox / "old.png").write_bytes(b"bad")
    os.utime(inbox / "old.png", (1, 1))
    looks = [watcher.scan(set()) for _ in range(PATIENCE + 1)]
    final = [[Path(one.path).name for one in look if one.final] for look in looks]
    assert final == [[]] * PATIENCE + [["old.png", "new.png"]]


def test_pictures_come_in_the_order_that_they_were_written(inbox: Path) -> None:
    for age, name in enumerate("cab"):
        shutil.copyfile(SAMPLE, inbox / f"{name}.png")
        os.utime(inbox / f"{name}.png", (age, age))
    watcher = FolderWatcher(inbox)
    assert watcher.scan(set()) == []
    arrivals = watcher.scan(set())
    assert [Path(one.path).stem for one in arrivals] == ["c", "a", "b"]
