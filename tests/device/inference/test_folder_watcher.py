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


def test_a_picture_renamed_before_it_is_read_arrives_once(inbox: Path) -> None:
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


def test_an_overwritten_picture_is_waited_for_again(inbox: Path) -> None:
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


def test_an_unreadable_picture_is_final_after_some_scans(
    inbox: Path,
) -> None:
    watcher = FolderWatcher(inbox)
    (inbox / "new.png").write_bytes(b"bad")
    (inbox / "old.png").write_bytes(b"bad")
    os.utime(inbox / "old.png", (1, 1))
    looks = [watcher.scan(set()) for _ in range(PATIENCE + 1)]
    final = [[Path(one.path).name for one in look if one.final] for look in looks]
    assert final == [[]] * PATIENCE + [["old.png", "new.png"]]


def test_pictures_arrive_in_the_order_of_their_modification_times(inbox: Path) -> None:
    for age, name in enumerate("cab"):
        shutil.copyfile(SAMPLE, inbox / f"{name}.png")
        os.utime(inbox / f"{name}.png", (age, age))
    watcher = FolderWatcher(inbox)
    assert watcher.scan(set()) == []
    arrivals = watcher.scan(set())
    assert [Path(one.path).stem for one in arrivals] == ["c", "a", "b"]
