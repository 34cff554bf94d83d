"""The same columns on each engine that is installed, two processors at most."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.inference.columns import ANSWER_TYPES, answer_schema, read_columns, read_table

pytestmark = [
    pytest.mark.slow,
    # Of the engines, about each other's versions.
    pytest.mark.filterwarnings("ignore"),
]
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def scans(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths of pictures, some of which cannot be read."""
    folder = tmp_path_factory.mktemp("scans")
    (folder / "bad.png").write_text("no picture")
    (folder / "empty.png").touch()
    paths = [*sorted(map(str, pictures.rglob("*.png")))[:6], *map(str, folder.iterdir())]
    return [*paths, str(folder / "absent.png")]


@pytest.fixture(scope="module")
def expected(scans: list[str]) -> Rows:
    """The answers in this process, by path."""
    found = by_path(rows_of(read_columns({"path": scans})))
    assert {row["error_type"] for row in found.values()} == {
        None,
        "PictureNotFound",
        "UnreadablePicture",
    }
    return found


def rows_of(columns: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def by_path(rows: list[dict[str, Any]]) -> Rows:
    assert len({row["path"] for row in rows}) == len(rows)
    return {row["path"]: {name: row[name] for name in ANSWER_TYPES} for row in rows}


@pytest.fixture
def ray_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ray Data on two processors, on the loopback interface alone."""
    ray = pytest.importorskip("ray")
    data = pytest.importorskip("ray.data")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=80_000_000,
        _node_ip_address="127.0.0.1",
    )
    try:
        yield data
    finally:
        ray.shutdown()


def test_ray_data_reads_and_maps_with_every_processor_taken(
    ray_data: Any, scans: list[str], expected: Rows, tmp_path: Path
) -> None:
    rows = ray_data.from_items([{"path": path} for path in scans], override_num_blocks=3)
    answers = rows.map_batches(read_table, batch_size=4, batch_format="pyarrow").take_all()
    assert by_path(answers) == expected
    # Its own reads need a processor as well.
    there = [path for path in scans if os.path.exists(path)]  # noqa: PTH110
    read = ray_data.read_binary_files(there, include_paths=True)
    answers = read.map_batches(read_table, batch_size=4, batch_format="pyarrow").take_all()
    found = by_path(answers)
    assert {path: row["digit"] for path, row in found.items()} == {
        path: expected[path]["digit"] for path in there
    }


def test_beam_maps_batches(scans: list[str], expected: Rows, tmp_path: Path) -> None:
    beam = pytest.importorskip("apache_beam")

    def read_rows(paths: list[str]) -> list[str]:
        answers = read_columns({"path": paths})
        return [
            json.dumps(dict(zip(answers, row, strict=True)))
            for row in zip(*answers.values(), strict=True)
        ]

    with beam.Pipeline("DirectRunner") as pipeline:
        batches = pipeline | beam.Create(scans) | beam.BatchElements(max_batch_size=4)
        batches | beam.FlatMap(read_rows) | beam.io.WriteToText(str(tmp_path / "answers"))
    lines = [line for part in tmp_path.iterdir() for line in part.read_text().splitlines()]
    assert by_path(list(map(json.loads, lines))) == expected


def test_daft_maps_batches(scans: list[str], expected: Rows) -> None:
    daft = pytest.importorskip("daft")
    pa = pytest.importorskip("pyarrow")
    answer = daft.DataType.from_arrow_type(pa.struct(list(answer_schema())))

    @daft.func.batch(return_dtype=answer)  # type: ignore[untyped-decorator]
    def read_digits(paths: Any) -> Any:
        answers = read_table(pa.table({"path": paths.to_arrow()}))
        return answers.drop_columns(["path"]).to_struct_array().combine_chunks()

    pictures = daft.from_pydict({"path": scans})
    answers = pictures.with_column("answer", read_digits(daft.col("path")))
    columns = answers.select("path", daft.col("answer").unnest()).to_pydict()
    assert by_path(rows_of(columns)) == expected


def test_dask_maps_partitions(scans: list[str], expected: Rows) -> None:
    dask = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")

    def read_frame(frame: Any) -> Any:
        return pandas.DataFrame(read_columns(frame)).astype(object)

    pictures = pandas.DataFrame({"path": scans})
    answers = dask.from_pandas(pictures, npartitions=2)
    frame = answers.map_partitions(read_frame, meta=read_frame(pictures[:0])).compute()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert by_path(rows) == expected


def test_spark_maps_frames(
    scans: list[str], expected: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = pytest.importorskip("pyspark.sql")
    pandas = pytest.importorskip("pandas")
    if shutil.which("java") is None:
        pytest.skip("java is not installed")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)

    def read_frames(frames: Any) -> Iterator[Any]:
        for frame in frames:
            yield pandas.DataFrame(read_columns(frame)).astype({"digit": "Int8"})

    schema = (
        "path string, digit byte, confidence double, abstained string, error_type string, "
        "error string"
    )
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    try:
        pictures = session.createDataFrame(pandas.DataFrame({"path": scans}))
        rows = [row.asDict() for row in pictures.mapInPandas(read_frames, schema).collect()]
    finally:
        session.stop()
    for row in rows:
        row.update({name: None for name, value in row.items() if value != value})  # noqa: PLR0124
    assert by_path(rows) == expected
