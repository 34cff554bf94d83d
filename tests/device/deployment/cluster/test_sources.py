from __future__ import annotations

import errno
import tarfile
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest

from mnist_edge.deployment.cluster import storage
from mnist_edge.deployment.cluster.plan import make_plan
from mnist_edge.deployment.cluster.sources import TaskPictures
from mnist_edge.errors import PictureError, StorageFailed
from tests.support.sharded import write_parquet, write_tar


def rows(source: str, **options: Any) -> list[tuple[str, Any, dict[str, Any]]]:
    plan = make_plan(source, "out", **options)
    return [row for task in plan.tasks for row in TaskPictures(plan, task)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def test_a_folder_gives_its_paths_wherever_the_task_runs(
    digits: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = make_plan(str(digits), str(tmp_path / "out"))
    (task,) = plan.tasks
    here = list(TaskPictures(plan, task))
    assert {path: picture for path, picture, _ in here} == {path: path for path in contents(digits)}
    monkeypatch.chdir("/")
    elsewhere = list(TaskPictures(plan, task))
    assert [path for path, _, _ in elsewhere] == [path for path, _, _ in here]
    assert all(Path(str(picture)).is_file() for _, picture, _ in elsewhere)


def test_a_line_that_names_no_storage_is_the_error_of_that_picture(digits: Path) -> None:
    lines = ["abc://bucket/a.png", "s3://key:secret@bucket/b.png"]
    Path("list.txt").write_text("\n".join([str(digits / "0.png"), *lines]), encoding="utf-8")
    plan = make_plan("list.txt", "out")
    (task,) = plan.tasks
    (_, picture, _), *wrong = TaskPictures(plan, task)
    assert picture == str(digits / "0.png")
    for (path, error, _), said in zip(wrong, ("Unrecognized", "a secret in a URL"), strict=True):
        assert path in lines
        assert isinstance(error, PictureError)
        assert said in str(error)


def test_an_archive_gives_the_bytes_of_its_pictures(digits: Path) -> None:
    files = sorted(digits.rglob("*.png"))
    write_tar(Path("a.tar"), files)
    assert rows("a.tar") == [(f"a.tar/{file.name}", file.read_bytes(), {}) for file in files]


def test_a_damaged_archive_gives_what_is_before_the_damage_and_an_error(digits: Path) -> None:
    whole = write_tar(Path("a.tar"), sorted(digits.rglob("*.png"))).read_bytes()
    Path("a.tar").write_bytes(whole[: len(whole) // 2])
    *before, (path, error, _) = rows("a.tar")
    assert 0 < len(before) < 7
    assert path == "a.tar"
    assert isinstance(error, PictureError)
    assert f"damaged after {len(before)} pictures" in str(error)
    Path("a.tar").write_text("no archive")
    ((_, error, _),) = rows("a.tar")
    assert "damaged after 0 pictures" in str(error)


@pytest.mark.parametrize("more", [0, 100])
def test_an_archive_that_ends_between_two_members_is_damaged(digits: Path, more: int) -> None:
    """Python's own reader takes either for a whole one."""
    whole = write_tar(Path("a.tar"), 2 * [digits / "0.png"]).read_bytes()
    with tarfile.open("a.tar") as archive:
        second = archive.getmembers()[1].offset
    assert len(rows("a.tar")) == 2
    Path("a.tar").write_bytes(whole[: second + more])
    (first, _, _), (path, error, _) = rows("a.tar")
    assert (first, path) == ("a.tar/0.png", "a.tar")
    assert "damaged after 1 pictures (" in str(error)


def test_parquet_gives_bytes_and_passes_its_other_columns_on(digits: Path) -> None:
    found = contents(digits)
    columns = {"bytes": list(found.values()), "label": range(7), "path": list(found)}
    write_parquet(Path("a.parquet"), columns, rows=2)
    expected = [(path, content, {"label": n}) for n, (path, content) in enumerate(found.items())]
    assert rows("a.parquet", part_rows=3) == expected
    del columns["path"]
    write_parquet(Path("a.parquet"), columns, rows=2)
    assert [row[0] for row in rows("a.parquet", part_rows=3)] == [
        f"a.parquet#{number}" for number in range(7)
    ]


def test_parquet_gives_paths_pixels_and_images(digits: Path) -> None:
    found = contents(digits)
    write_parquet(Path("a.parquet"), {"path": [*found, None], "label": range(8)})
    *named, (path, error, passed) = rows("a.parquet")
    assert named == [(path, path, {"label": number}) for number, path in enumerate(found)]
    assert (path, passed) == ("a.parquet#7", {"label": 7})
    assert "is null" in str(error)
    write_parquet(Path("a.parquet"), {"file": ["b.png"], "path": ["another"], "label": [1]})
    assert rows("a.parquet", column="file") == [("b.png", "b.png", {"label": 1})]
    write_parquet(Path("a.parquet"), {"pixels": [[0] * 784]})
    ((_, pixels, _),) = rows("a.parquet")
    assert pixels.shape == (28, 28)
    write_parquet(Path("a.parquet"), {"image": [{"bytes": b"a", "path": "b"}]})
    assert [row[1] for row in rows("a.parquet")] == [b"a"]


def test_damaged_parquet_gives_what_is_before_the_damage_and_an_error(digits: Path) -> None:
    columns = {"bytes": 10 * list(contents(digits).values()), "label": range(70)}
    whole = bytearray(write_parquet(Path("a.parquet"), columns, rows=1).read_bytes())
    start = pq.read_metadata("a.parquet").row_group(68).column(0).data_page_offset
    plan = make_plan("a.parquet", "out")
    whole[start : start + 16] = b"\xff" * 16
    Path("a.parquet").write_bytes(whole)
    *before, (path, error, passed) = TaskPictures(plan, plan.tasks[0])
    assert [passed["label"] for _, _, passed in before] == list(range(len(before)))
    assert 0 < len(before) <= 68
    assert (path, passed) == ("a.parquet", {"label": None})
    assert f"damaged after {len(before)} pictures" in str(error)


@pytest.mark.parametrize("name", ["a.tar", "a.parquet"])
def test_a_disk_that_fails_ends_the_run(
    digits: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged file is a row; a storage that may answer later is not."""
    files = sorted(digits.rglob("*.png"))
    write_tar(Path("a.tar"), files)
    write_parquet(Path("a.parquet"), {"bytes": [file.read_bytes() for file in files]})
    plan = make_plan(name, "out")

    def failing(location: str) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(storage, "open_file", failing)
    monkeypatch.setattr(storage, "open_stream", failing)
    with pytest.raises(StorageFailed, match=f"{name}: Input/output error"):
        list(TaskPictures(plan, plan.tasks[0]))
