"""What a run does around its tasks, which run in this process here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mnist_edge import Classifier
from mnist_edge.deployment.cluster.batch_run import BatchResult, prepare_run, run_batch
from mnist_edge.deployment.cluster.plan import BatchPlan, BatchSettings
from mnist_edge.errors import CheckpointMismatch, InvalidValue, TooManyErrors
from mnist_edge.inference.columns import read_columns


def prepared(digits: Path, settings: BatchSettings, *, resume: bool = False) -> BatchPlan:
    return prepare_run(str(digits), "out", settings, resume=resume, column=None, part_rows=2)


def finished(
    plan: BatchPlan,
    settings: BatchSettings,
    classifier: Classifier,
    *,
    max_errors: int | None = None,
    on_part: Callable[[int], Any] = lambda count: None,
) -> BatchResult:
    return run_batch(
        plan,
        settings,
        classifier,
        "out",
        address=None,
        jobs=1,
        max_errors=max_errors,
        on_part=on_part,
    )


def test_a_run_writes_its_rows_a_summary_and_success(
    digits: Path, settings: BatchSettings, classifier: Classifier
) -> None:
    counts: list[int] = []
    plan = prepared(digits, settings)
    # As a worker leaves it that is killed while it writes.
    Path("out/.part-000001.abcd.parquet").touch()
    result = finished(plan, settings, classifier, on_part=counts.append)
    assert not list(Path("out").glob(".*"))
    assert counts == [2, 2, 2, 1]
    rows = pq.read_table("out").to_pydict()
    assert rows == read_columns({"path": rows["path"]})
    assert Path("out/_SUCCESS").read_bytes() == b""
    summary = json.loads(Path("out/_summary.json").read_text())
    assert summary["rows"] == summary["read"] == result.read == 7
    assert summary["errors"] == {"UnreadablePicture": 2}
    assert sum(summary["digits"].values()) + sum(summary["abstained"].values()) == 5
    assert summary["model_sha256"] == classifier.model.sha256
    assert summary["pictures_per_second"] > 0


def test_pictures_that_change_under_a_run_are_rows_like_the_others(
    digits: Path, settings: BatchSettings, classifier: Classifier
) -> None:
    plan = prepared(digits, settings)
    (digits / "more" / "1.png").unlink()
    (digits / "4.png").unlink()
    (digits / "4.png").mkdir()
    (digits / "more" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (digits / "later.png").touch()
    result = finished(plan, settings, classifier)
    assert result.tally.rows == 7
    assert result.tally.errors == {"PictureNotFound": 1, "UnreadablePicture": 4}
    assert Path("out/_SUCCESS").exists()


def test_a_run_ends_at_too_many_errors_and_goes_on_with_more(
    digits: Path, settings: BatchSettings, classifier: Classifier
) -> None:
    plan = prepared(digits, settings)
    with pytest.raises(TooManyErrors, match=r"more than --max-errors 0.*--resume"):
        finished(plan, settings, classifier, max_errors=0)
    assert not Path("out/_SUCCESS").exists()
    there = {path: path.stat().st_mtime_ns for path in Path("out").glob("part-*")}
    again = prepared(digits, settings, resume=True)
    assert again == plan
    result = finished(again, settings, classifier, max_errors=2)
    assert result.tally.rows == 7
    assert result.read == 7 - 2 * len(there)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert Path("out/_SUCCESS").exists()


def test_a_picture_that_arrives_later_is_not_part_of_the_run(
    digits: Path, settings: BatchSettings, classifier: Classifier
) -> None:
    prepared(digits, settings)
    (digits / "00.png").touch()
    assert prepared(digits, settings, resume=True).pictures == 7


def test_a_run_that_never_began_is_resumed_from_its_start(
    digits: Path, settings: BatchSettings
) -> None:
    assert prepared(digits, settings, resume=True).pictures == 7


def test_a_folder_with_something_else_in_it_is_refused(
    digits: Path, settings: BatchSettings
) -> None:
    prepared(digits, settings)
    with pytest.raises(InvalidValue, match="holds a run: go on with it by --resume"):
        prepared(digits, settings)
    with pytest.raises(CheckpointMismatch, match="another model_sha256"):
        prepared(digits, replace(settings, model_sha256="0"), resume=True)
    with pytest.raises(InvalidValue, match=r"reads digits, not digits/more"):
        prepared(digits / "more", settings, resume=True)


@pytest.mark.parametrize("output_format", ["parquet", "jsonl"])
def test_names_that_are_not_unicode_are_read_and_reported(
    digits: Path, settings: BatchSettings, classifier: Classifier, output_format: str
) -> None:
    settings = replace(settings, output_format=output_format)
    for content in (digits / "0.png", digits / "bad\n.png"):
        name = os.fsencode(digits / "odd-") + b"\xff" + os.fsencode(content.name)
        Path(os.fsdecode(name)).write_bytes(content.read_bytes())
    result = finished(prepared(digits, settings), settings, classifier)
    assert result.tally.rows == 9
    assert result.tally.failed == 3
    if output_format == "parquet":
        rows = pq.read_table("out").to_pydict()
        assert "digits/odd-\\udcff0.png" in rows["path"]
        error = rows["error"][rows["path"].index("digits/odd-\\udcffbad\n.png")]
        assert "odd-\\udcffbad" in error
