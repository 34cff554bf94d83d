from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pyarrow.parquet as pq
import pytest

from mnist_edge import Classifier
from mnist_edge.deployment.cluster.parts import part_name, write_part
from mnist_edge.deployment.cluster.plan import BatchPlan, make_plan
from mnist_edge.deployment.cluster.summary import Tally
from mnist_edge.errors import NotWritable
from mnist_edge.inference.columns import read_columns
from tests.support.programs import Run
from tests.support.sharded import write_parquet


def write_all(
    plan: BatchPlan, classifier: Classifier, *, output_format: str, read_all: bool = False
) -> tuple[Tally, list[bool]]:
    """Write every part of a plan to out, and count them together."""
    total, written = Tally(), []
    for task in plan.tasks:
        tally, now = write_part(
            plan, task, classifier, out="out", output_format=output_format, read_all=read_all
        )
        total.add(tally)
        written.append(now)
    return total, written


@pytest.mark.parametrize("words", [(), ("--all",)])
def test_the_lines_of_all_parts_are_those_of_predict(
    digits: Path, classifier: Classifier, run: Run, words: tuple[str, ...]
) -> None:
    plan = make_plan(str(digits), "out", part_rows=3)
    tally, _ = write_all(plan, classifier, output_format="jsonl", read_all=bool(words))
    predicted: CompletedProcess[str] = run("predict", "--format", "jsonl", *words, digits)
    parts = sorted(Path("out").glob("part-*"))
    assert [part.name for part in parts] == [f"part-00000{n}.jsonl" for n in range(3)]
    assert "".join(part.read_text() for part in parts) == predicted.stdout
    assert (tally.rows, tally.failed) == (7, 2)
    # A part that is there is counted, and not read again.
    again, written = write_all(plan, classifier, output_format="jsonl", read_all=bool(words))
    assert (again, written) == (tally, [False] * 3)


@pytest.mark.parametrize("read_all", [False, True])
def test_parquet_has_the_answers_columns(
    digits: Path, classifier: Classifier, read_all: bool
) -> None:
    plan = make_plan(str(digits), "out", part_rows=2)
    tally, _ = write_all(plan, classifier, output_format="parquet", read_all=read_all)
    table = pq.read_table("out")
    assert table.to_pydict() == read_columns({"path": table["path"].to_pylist()}, read_all=read_all)
    assert table.schema.metadata == {b"mnist_edge_schema": b"1"}
    # Every part has every type, also where all values are null.
    assert len({str(pq.read_schema(part)) for part in Path("out").glob("part-*")}) == 1
    again, _ = write_all(plan, classifier, output_format="parquet", read_all=read_all)
    assert again == tally


@pytest.mark.parametrize("output_format", ["parquet", "jsonl"])
def test_other_columns_are_passed_on(
    digits: Path, classifier: Classifier, output_format: str
) -> None:
    content: dict[str, Any] = {"bytes": [b"", (digits / "0.png").read_bytes()], "label": [3, None]}
    write_parquet(Path("a.parquet"), content)
    plan = make_plan("a.parquet", "out")
    write_all(plan, classifier, output_format=output_format)
    part = Path("out", part_name(plan.tasks[0], output_format))
    if output_format == "jsonl":
        rows = [json.loads(line) for line in part.read_text().splitlines()]
    else:
        rows = pq.read_table(part).to_pylist()
    assert [row["path"] for row in rows] == ["a.parquet#0", "a.parquet#1"]
    assert [row["label"] for row in rows] == [3, None]


def test_an_archive_without_pictures_has_an_empty_part(
    classifier: Classifier, digits: Path
) -> None:
    Path("a.tar").write_bytes(bytes(10_240))
    tally, _ = write_all(make_plan("a.tar", "out"), classifier, output_format="parquet")
    assert tally == Tally()
    assert pq.read_table("out/part-000000.parquet").num_rows == 0


def test_a_part_that_cannot_be_written_leaves_nothing(digits: Path, classifier: Classifier) -> None:
    plan = make_plan(str(digits), "out")
    Path("file").touch()
    with pytest.raises(NotWritable):
        write_part(
            plan,
            plan.tasks[0],
            classifier,
            out="file",
            output_format="parquet",
            read_all=False,
        )
