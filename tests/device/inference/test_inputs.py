from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnist_edge.errors import PictureNotFound
from mnist_edge.inference import inputs
from mnist_edge.inference.inputs import Shard, find_pictures, read_picture
from mnist_edge.preprocessing.pipeline import preprocess
from tests.support.paths import SAMPLE

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@given(path=NAMES, total=st.integers(1, 9))
@example(path="caf\udce9.png", total=3)
def test_every_path_is_in_one_shard(path: str, total: int) -> None:
    shards = [Shard(number=number, total=total) for number in range(1, total + 1)]
    assert sum(shard.holds(path) for shard in shards) == 1


def test_a_shard_is_the_same_on_every_machine() -> None:
    # sha256sum of the path: the 16th digit, and one.
    shards = [Shard(number=number, total=16) for number in range(1, 17)]
    paths = ("digit.png", "a/b.png", "ä.png")
    assert [next(s.number for s in shards if s.holds(path)) for path in paths] == [13, 12, 14]


def test_a_folder_is_read_in_the_order_of_its_paths_with_any_memory_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a.png", "a/x.png", "a b/x.png", "a-/y.PNG", "b/c/d.jpg", "b/c.png", "b.gif", "z.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    expected = sorted(str(tmp_path / name) for name in names[:-1])
    for held in (1, 2, 100):
        monkeypatch.setattr(inputs, "_MAX_NAMES", held)
        assert list(find_pictures([str(tmp_path)])) == [(path, None) for path in expected]


def test_an_unreadable_picture_is_returned_as_its_error(tmp_path: Path) -> None:
    path = str(tmp_path / "none.png")
    error = read_picture((path, None), preprocess)
    assert isinstance(error, PictureNotFound)
    assert read_picture((path, error), preprocess) is error
    assert read_picture((str(SAMPLE), None), lambda picture: picture) == str(SAMPLE)
