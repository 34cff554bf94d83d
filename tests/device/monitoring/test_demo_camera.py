from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import PictureNotFound
from mnist_edge.monitoring.demo_camera import DemoCamera
from mnist_edge.monitoring.demo_counter import picture_at
from tests.support.clocks import SteppedClock


def test_the_pictures_of_a_folder_are_replayed(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFound, match="no pictures in"):
        DemoCamera(tmp_path, SteppedClock())
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_text(name)
    camera = DemoCamera(tmp_path, SteppedClock())
    camera.start()
    shown = []
    for _ in range(3):
        shown.append(camera.newest())
        assert camera.newest() == shown[-1]
        camera.advance()
    assert [one.content for one in shown if one] == [b"a.jpg", b"b.PNG", b"a.jpg"]
    assert camera.length == 2


def test_the_drawn_counter_repeats_a_picture_that_is_stuck() -> None:
    camera = DemoCamera(None, SteppedClock())
    contents = []
    for _ in range(28):
        frame = camera.newest()
        assert frame
        contents.append(frame.content)
        camera.advance()
    assert len(set(contents)) == 22
    assert len(set(contents[20:27])) == 1


@pytest.mark.parametrize(("shown", "digits"), [(1_234_591, 8), (4_591, 4), (91, 2)])
def test_the_drawn_counter_goes_on_after_what_it_showed(shown: int, digits: int) -> None:
    camera = DemoCamera(None, SteppedClock())
    camera.go_on_after(shown, digits)
    assert picture_at(camera.number).value % 100 == 92


def test_a_counter_that_turned_over_goes_on_from_its_beginning() -> None:
    camera = DemoCamera(None, SteppedClock())
    camera.go_on_after(99_999_999, 8)
    assert picture_at(camera.number).value % 10**8 == 0
