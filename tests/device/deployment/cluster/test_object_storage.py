"""The same run on an object storage: a server of S3 on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from mnist_edge import Classifier
from mnist_edge.deployment.cluster import storage
from mnist_edge.deployment.cluster.parts import write_part
from mnist_edge.deployment.cluster.plan import BatchSettings, load_plan, make_plan, save_plan
from mnist_edge.deployment.cluster.summary import Tally
from mnist_edge.errors import StorageFailed
from mnist_edge.inference.columns import ANSWER_TYPES, read_columns
from tests.support.sharded import write_parquet, write_tar


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The query that leads to a server of S3."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "anybody")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "anything")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        query = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
        system, _ = fs.FileSystem.from_uri(f"s3://pictures{query}&allow_bucket_creation=true")
        system.create_dir("pictures")
        yield query
    server.stop()


def upload(folder: Path, location: str) -> None:
    """Copy a folder to an object storage."""
    for path in filter(Path.is_file, sorted(folder.rglob("*"))):
        # The server knows no line ends in names.
        name = str(path.relative_to(folder)).replace("\n", "")
        storage.write_file(storage.join(location, name), path.read_bytes())


def run_all(source: str, out: str, classifier: Classifier, settings: BatchSettings) -> Tally:
    """Plan a run and write all of its parts, twice as after a fault."""
    save_plan(out, make_plan(source, out, part_rows=3), settings)
    plan = load_plan(out, settings)
    assert plan
    total = Tally()
    for task in plan.tasks:
        for expected in (True, False):
            tally, written = write_part(
                plan, task, classifier, out=out, output_format="parquet", read_all=False
            )
            assert written is expected
        total.add(tally)
    return total


def answers(out: str) -> list[dict[str, Any]]:
    """Read the rows of all parts; other readers find them by their names alone as well."""
    rows: list[dict[str, Any]] = []
    query = storage.split_query(out)[1]
    for location in storage.list_folder(out):
        with storage.open_file(location + query) as stream:
            rows += pq.read_table(stream).to_pylist()
    return rows


@pytest.mark.parametrize("kind", ["pictures", "list", "tar", "parquet"])
def test_a_run_reads_from_and_writes_to_an_object_storage(
    server: str, digits: Path, classifier: Classifier, settings: BatchSettings, kind: str
) -> None:
    files = sorted(digits.rglob("*.png"))
    shards = Path("shards")
    shards.mkdir()
    if kind == "tar":
        write_tar(shards / "a.tar", files)
    elif kind == "parquet":
        write_parquet(shards / "a.parquet", {"bytes": [file.read_bytes() for file in files]})
    base = f"s3://pictures/{kind}"
    upload(digits if kind in {"pictures", "list"} else shards, f"{base}/in{server}")
    source = f"{base}/in{server}"
    if kind == "list":
        readable = [file for file in files if "\n" not in file.name]
        names = "".join(f"{base}/in/{file.relative_to(digits)}\n" for file in readable)
        storage.write_file(f"{base}/names.txt{server}", (names + f"{base}/absent.png").encode())
        source = f"{base}/names.txt{server}"
    tally = run_all(source, f"{base}/out{server}", classifier, settings)
    rows = answers(f"{base}/out{server}")
    assert tally.rows == len(rows) == 7
    assert tally.errors.get("PictureNotFound", 0) == (kind == "list")
    assert all(str(row["path"]).startswith(f"{base}/") for row in rows)
    expected = read_columns({"bytes": [file.read_bytes() for file in files]})
    answered = [digit for digit in expected["digit"] if digit is not None]
    assert sorted(row["digit"] for row in rows if row["digit"] is not None) == sorted(answered)
    assert set(ANSWER_TYPES) <= rows[0].keys()


def test_a_storage_that_does_not_answer_ends_the_run(server: str) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read_file(f"s3://pictures/absent.png{server}")
    with pytest.raises(StorageFailed, match="--resume"):
        storage.list_folder(f"s3://absent/folder{server}")
