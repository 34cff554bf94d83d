from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.deployment.cluster.plan import (
    BatchSettings,
    load_plan,
    make_plan,
    save_plan,
)
from mnist_edge.errors import (
    CheckpointMismatch,
    InvalidValue,
    PictureNotFound,
    StorageFailed,
)
from mnist_edge.inference.inputs import find_pictures
from tests.support.sharded import write_parquet, write_tar


def listed(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / "_inputs.jsonl").read_text().splitlines()]


def test_a_folder_has_the_pictures_of_predict_split_into_tasks(digits: Path) -> None:
    plan = make_plan(str(digits), "out", part_rows=3)
    assert (plan.kind, plan.pictures) == ("paths", 7)
    assert [path for (path,) in listed(Path("out"))] == [p for p, _ in find_pictures([str(digits)])]
    assert [task.pictures for task in plan.tasks] == [3, 3, 1]
    lines = Path("out/_inputs.jsonl").read_bytes()
    assert b"".join(lines[task.start : task.stop] for task in plan.tasks) == lines
    assert all(lines[task.start : task.stop].endswith(b"]\n") for task in plan.tasks)


@pytest.mark.parametrize(
    ("count", "tasks"), [(1, 1), (256, 1), (257, 2), (20_000, 20), (300_000, 30)]
)
def test_a_task_takes_seconds_and_few_pictures_make_several(
    count: int, tasks: int, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{number}.png\n" for number in range(count)))
    plan = make_plan(str(names), None)
    assert (plan.pictures, len(plan.tasks)) == (count, tasks)
    assert sum(task.pictures or 0 for task in plan.tasks) == count
    assert not (tmp_path / "out").exists()


def test_a_list_names_pictures_and_keeps_what_is_not_unicode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(b"a.png\n\n\xff.png\n-\n")
    make_plan(str(names), str(tmp_path / "out"))
    first, second, third = listed(tmp_path / "out")
    assert (first, second) == (["a.png"], ["\udcff.png"])
    assert third[:2] == ["-", "PictureNotFound"]
    stdin = type("Stdin", (), {"buffer": io.BytesIO(b"b.png\n")})
    monkeypatch.setattr("sys.stdin", stdin)
    make_plan("-", str(tmp_path / "out"))
    assert listed(tmp_path / "out") == [["b.png"]]


def test_an_archive_is_a_task(digits: Path) -> None:
    Path("shards").mkdir()
    for number in (1, 0):
        write_tar(Path(f"shards/{number}.tar"), sorted(digits.glob("*.png")))
    plan = make_plan("shards", "out")
    assert (plan.kind, plan.pictures) == ("tar", None)
    assert [task.source for task in plan.tasks] == ["shards/0.tar", "shards/1.tar"]
    assert make_plan("shards/1.tar", "out").tasks[0].source == "shards/1.tar"


def test_row_groups_of_parquet_are_put_together(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", {"bytes": [b""] * 10, "digit_id": range(10)}, rows=3)
    write_parquet(tmp_path / "b.parquet", {"bytes": [b""], "digit_id": [1]})
    plan = make_plan(str(tmp_path), "out", part_rows=6)
    assert (plan.kind, plan.column, plan.pictures) == ("parquet", "bytes", 11)
    assert [(task.start, task.stop, task.pictures) for task in plan.tasks] == [
        (0, 2, 6),
        (2, 4, 4),
        (0, 1, 1),
    ]
    assert [task.number for task in plan.tasks] == [0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "named", "column"),
    [
        ({"bytes": [b""], "path": ["a"]}, None, "bytes"),
        ({"path": ["a"]}, None, "path"),
        ({"pixels": [[0] * 784]}, None, "pixels"),
        ({"image": [{"bytes": b"", "path": "a"}], "label": [1]}, None, "image"),
        ({"scan": [b""], "bytes": [1]}, "scan", "scan"),
    ],
)
def test_the_column_of_pictures_is_found(
    columns: dict[str, Any], named: str | None, column: str, tmp_path: Path
) -> None:
    file = write_parquet(tmp_path / "a.parquet", columns)
    assert make_plan(str(file), "out", column=named).column == column


@pytest.mark.parametrize(
    ("columns", "named", "reason"),
    [
        ({"scan": [b""]}, None, "no column of pictures among 'scan'"),
        ({"scan": [b""]}, "scans", "no column 'scans' among 'scan'"),
        ({"bytes": [1]}, None, "'bytes' holds int64"),
        ({"bytes": [b""], "digit": [1]}, None, "'digit' has the name of an answer"),
        ({"scan": [b""], "error": [1]}, "scan", "'error' has the name of an answer"),
    ],
)
def test_parquet_without_pictures_is_wrong_usage(
    columns: dict[str, Any], named: str | None, reason: str, tmp_path: Path
) -> None:
    file = write_parquet(tmp_path / "a.parquet", columns)
    with pytest.raises(InvalidValue, match=reason):
        make_plan(str(file), "out", column=named)


def test_files_of_a_folder_have_the_same_column(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", {"bytes": [b""]})
    write_parquet(tmp_path / "b.parquet", {"path": ["a"]})
    with pytest.raises(InvalidValue, match=r"b\.parquet has no column 'bytes'"):
        make_plan(str(tmp_path), "out")


def test_an_input_without_pictures_is_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="no file or folder"):
        make_plan(str(tmp_path / "absent"), None)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(PictureNotFound, match="no picture in"):
        make_plan(str(tmp_path / "empty.txt"), None)
    (tmp_path / "a.parquet").write_text("no parquet")
    with pytest.raises(StorageFailed, match=r"a\.parquet.*expected parquet"):
        make_plan(str(tmp_path), None)
    (tmp_path / "a.tar").touch()
    with pytest.raises(InvalidValue, match="name a folder of one"):
        make_plan(str(tmp_path), None)


def test_a_plan_is_kept_for_the_same_settings_alone(digits: Path, settings: BatchSettings) -> None:
    assert load_plan("out", settings) is None
    plan = make_plan(str(digits), "out")
    save_plan("out", plan, settings)
    assert load_plan("out", settings) == plan
    with pytest.raises(CheckpointMismatch, match="another min_confidence, output_format"):
        load_plan("out", replace(settings, min_confidence=1.0, output_format="jsonl"))
    Path("out/_plan.json").write_text("{}")
    with pytest.raises(CheckpointMismatch, match="not the plan"):
        load_plan("out", settings)
